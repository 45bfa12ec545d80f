"""Dash and Streamlit behind the proxy: used by their team, and nothing of them by anybody else."""

from __future__ import annotations

import pytest
from browsing import SECONDS, needs_browser
from jupyter_server.auth import passwd
from playwright.sync_api import expect
from serving import Client, serving

pytestmark = needs_browser
DASH = """
import sys
from dash import Dash, Input, Output, dcc, html

app = Dash(__name__, requests_pathname_prefix="/dash/")
app.layout = html.Div([dcc.Input(id="number", type="number", value=3), html.Div(id="told")])


@app.callback(Output("told", "children"), Input("number", "value"))
def tell(number):
    return f"Twice as much: {2 * number}"


app.run(host="127.0.0.1", port=int(sys.argv[1]))
"""
STREAMLIT = """
import streamlit

number = streamlit.number_input("Number", value=3)
streamlit.write(f"Twice as much: {2 * number}")
"""
CONFIGURATION = """
import sys

c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.AccountsIdentityProvider.users = {users!r}
c.ServerApp.root_dir = {home!r}
c.ServerApp.jpserver_extensions = {{"jupyter_server_proxy": True}}
c.ServerProxy.servers = {{
    "dash": {{"command": [sys.executable, {home!r} + "/finance.py", "{{port}}"], "timeout": 60}},
    "streamlit": {{
        "command": [
            *(sys.executable, "-m", "streamlit", "run", {home!r} + "/science.py"),
            *("--server.port={{port}}", "--server.address=127.0.0.1", "--server.headless=true"),
            *("--browser.gatherUsageStats=false", "--server.fileWatcherType=none"),
        ],
        "timeout": 60,
    }},
}}
"""
BY_ROLES = """
c.JupyterAuthz.roles = [
    {"name": "finance", "groups": ["finance"], "allow": ["execute:proxy!name=dash"]},
    {"name": "science", "groups": ["science"], "allow": ["execute:proxy!name=streamlit"]},
]
"""
BY_CALLBACK = """
APPLICATIONS = {"finance": "/dash", "science": "/streamlit"}


def authorize(user_info, path):
    return any(f"{path}/".startswith(f"{APPLICATIONS[group]}/") for group in user_info["groups"])


c.JupyterAuthz.authorize_callback = authorize
"""
# Who is in the team of an application, and who is in the other one.
TEAMS = {"dash": ("cy", "bob"), "streamlit": ("bob", "cy")}
# What each has besides what its page asks for.
BESIDE = {
    "dash": ("_dash-layout", "_dash-dependencies", "_reload-hash", "assets/x.css", "_favicon.ico"),
    "streamlit": (
        *("_stcore/health", "_stcore/host-config", "_stcore/stream", "_stcore/metrics"),
        *("_stcore/upload_file/a/b", "media/x.png", "component/a.b/index.html", "healthz"),
    ),
}
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module", params=[BY_ROLES, BY_CALLBACK], ids=["roles", "callback"])
def server(request, tmp_path_factory):
    """Run a server with an application for each of two teams."""
    home = tmp_path_factory.mktemp("applications")
    (home / "finance.py").write_text(DASH)
    (home / "science.py").write_text(STREAMLIT)
    users = {
        name: {
            "hashed_password": passwd(name, algorithm="sha256"),
            "hashed_tokens": [passwd(name, algorithm="sha256")],
            "groups": groups,
        }
        for name, groups in {"bob": ["science"], "cy": ["finance"], "dan": []}.items()
    }
    config = home / "server_config.py"
    config.write_text(CONFIGURATION.format(users=users, home=str(home)) + request.param)
    with serving(home, f"--config={config}") as port:
        yield port


@pytest.fixture
def page(browser):
    """Give a page that notes for what it asks."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.asked, page.sockets = [], []
    page.on("request", lambda request: page.asked.append((request.method, request.url)))
    page.on("websocket", lambda socket: page.sockets.append(socket.url))
    yield page
    context.close()


@pytest.mark.parametrize("application", list(TEAMS))
def test_an_application(server, page, application):
    """Its team uses it in a browser; all that its page asks for is refused to everybody else."""
    here = f"http://127.0.0.1:{server}/"
    own, other = TEAMS[application]
    page.goto(f"{here}{application}/")
    page.fill("input[name=username]", own)
    page.fill("input[name=password]", own)
    page.asked.clear()
    page.press("input[name=password]", "Enter")
    expect(page.get_by_text("Twice as much: 6")).to_be_visible()
    number = page.get_by_role("spinbutton")
    number.fill("5")
    number.press("Enter")
    expect(page.get_by_text("Twice as much: 10")).to_be_visible()

    below = f"{here}{application}/"
    asked = {(method, url) for method, url in page.asked if url.startswith(below)}
    asked |= {("GET", f"{below}{path}") for path in BESIDE[application]}
    assert len(asked) > 10
    assert all(url.startswith(f"ws://127.0.0.1:{server}/{application}/") for url in page.sockets)
    assert bool(page.sockets) is (application == "streamlit")
    spelt = f"%{ord(application[0]):02x}{application[1:]}"
    for name in (other, "dan", None):
        client = Client(server, name)
        for method, url in asked:
            path = url.removeprefix(here)
            body = None if method == "GET" else {}
            assert client.status(method, path, body) in ({302, 403} if name is None else {403}), url
        for url in page.sockets:
            path = url.partition(str(server))[2]
            reply = client.request("GET", path, headers={**HANDSHAKE, "Origin": here[:-1]})
            assert reply.status in ({302, 403} if name is None else {403}), url
        for path in (
            application,
            f"{spelt}/",
            f"/{application}//_dash-layout",
            f"{application}/../{application}/",
            f"{application.title()}/",
        ):
            assert client.status("GET", path) in {302, 403, 404}, path
