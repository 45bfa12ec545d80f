"""Several requests on one connection, and what providers and hooks do to them: as without us."""

from __future__ import annotations

import re
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from serving import Client, serving

HERE = Path(__file__).parent
ALL = {"name": "all", "users": ["*"], "allow": ["*"]}
CLOSE = "Connection: close"

HOOK = """
from jupyter_server.base.handlers import JupyterHandler
def user_is_authorized(self, user, action, resource=None):
    import unruly
    deed = self.request.headers.get("X-Deed", "")
    if deed == "context":
        unruly.LEFT.set("ann")
    if deed == "finish":
        self.finish("the hook's own")
    return "X-No" not in self.request.headers
JupyterHandler.user_is_authorized = user_is_authorized
"""
SLOW_TOKENS = """
import asyncio
from jupyter_server.auth import IdentityProvider
before = IdentityProvider.get_user_token
async def get_user_token(self, handler):
    limit = 0.2 if "X-Deed" in handler.request.headers else 9
    await asyncio.wait_for(asyncio.sleep(1.5 if limit < 1 else 0), limit)
    return await before(self, handler)
IdentityProvider.get_user_token = get_user_token
"""


def send(port, *requests, method="GET", token="tok", seconds=10):
    """Send requests one after the other on one connection, and give all that comes back."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        for path, *headers in requests:
            lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
            if token:
                lines.append(f"Authorization: token {token}")
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
        got = b""
        while piece := connection.recv(65536):
            got += piece
    return got.decode()


def statuses(got):
    return re.findall(r"HTTP/1\.1 (\d+)", got)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Give a function that starts a server process with the unruly extension."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (tmp_path / "root").mkdir()
    with ExitStack() as stack:

        def start(text="", roles=(ALL,), base="/"):
            config = tmp_path / "server_config.py"
            config.write_text(
                "c.ServerApp.jpserver_extensions = {'unruly': True, 'jupyter_authz': True}\n"
                "c.IdentityProvider.token = 'tok'\n"
                f"c.ServerApp.base_url = {base!r}\n"
                f"c.ServerApp.root_dir = {str(tmp_path / 'root')!r}\n"
                f"c.JupyterAuthz.roles = {None if roles is None else list(roles)!r}\n{text}"
            )
            monkeypatch.setattr(
                Client,
                "status",
                lambda self, *_: int(statuses(send(self.port, (base + "api", CLOSE)))[0]),
            )
            return stack.enter_context(serving(tmp_path / "home", f"--config={config}"))

        yield start


def test_a_base_url_is_no_pattern(run):
    """A deny by URL holds wherever Jupyter takes the base URL for a pattern."""
    upstream = [sys.executable, str(HERE / "upstream.py"), "{port}"]
    role = {
        "name": "a",
        "users": ["*"],
        "allow": ["execute:ext.unruly", "execute:proxy"],
        "deny": ["execute:ext.unruly!url=x/left/**", "execute:proxy!name=app"],
    }
    port = run(
        "c.ServerApp.jpserver_extensions['jupyter_server_proxy'] = True\n"
        f"c.ServerProxy.servers = {{'app': {{'command': {upstream!r}}}}}\n",
        [role],
        "/user/a.b/",
    )
    for path in ("a.b/x/left/s", "aXb/x/left/s", "a.b/app/x", "aXb/app/x", "a%2Eb/x/left/s"):
        assert statuses(send(port, (f"/user/{path}", CLOSE)))[0] in {"403", "404"}, path
    assert statuses(send(port, ("/user/a.b/x/rule", CLOSE))) == ["200"]


@pytest.mark.parametrize("roles", [[ALL], None], ids=["policy", "none"])
def test_rules_and_patterns(run, roles):
    """Rules that are assigned anew count; a comment in a pattern is no text of it."""
    port = run(roles=roles)
    assert send(port, ("/x/rule", CLOSE)).endswith("before")
    assert send(port, ("/x/replace", CLOSE)).endswith("replaced")
    assert send(port, ("/x/rule", CLOSE)).endswith("after")
    assert statuses(send(port, ("/yyy", CLOSE))) == ["200"]


@pytest.mark.parametrize("provider", ["Cancelled", "CancelledAtOnce"])
def test_a_cancelled_provider_is_answered_for(run, provider):
    """What it waited for may be cancelled; nobody waits for ever, and nobody is let in."""
    port = run(f"c.ServerApp.identity_provider_class = 'unruly.{provider}'")
    got = send(port, ("/x/left", "X-Deed: 1"), ("/x/left", CLOSE))
    assert statuses(got) == ["403", "200"]


def test_a_cancelled_contents_manager_is_answered_for(run, tmp_path):
    """The same for what the decision looks up."""
    (tmp_path / "root" / "cancel").mkdir()
    role = {"name": "a", "users": ["*"], "allow": ["read:contents!path=cancel/x"]}
    port = run("c.ServerApp.contents_manager_class = 'unruly.Contents'", [role])
    assert statuses(send(port, ("/api/contents/cancel", CLOSE))) == ["403"]


def test_a_limit_of_time_in_the_default_provider_is_kept(run):
    """Where somebody has changed it, it is asked in a task of its own."""
    port = run(SLOW_TOKENS)
    got = send(port, ("/x/left", "X-Deed: 1"), ("/x/left", CLOSE))
    assert statuses(got) == ["403", "200"]


@pytest.mark.parametrize(
    "text", ["c.ServerApp.identity_provider_class = 'unruly.Busy'", HOOK], ids=["provider", "hook"]
)
def test_context_ends_with_the_request(run, text):
    """What is left in the context is there for the handler, and for no other request."""
    port = run(text)
    got = send(port, ("/x/left", "X-Deed: context"), ("/x/left", CLOSE))
    assert re.findall(r"left=(ann|nothing)", got) == ["ann", "nothing"]


def test_what_a_provider_does_to_the_reply(run):
    """Headers reach the client, it may answer itself, and it can see for which handler it is."""
    port = run("c.ServerApp.identity_provider_class = 'unruly.Busy'")
    assert "X-Provider: its own" in send(port, ("/x/left", "X-Deed: header", CLOSE))
    got = send(port, ("/x/left", "X-Deed: negotiate", CLOSE))
    assert statuses(got) == ["401"]
    assert "Www-Authenticate: Negotiate" in got
    assert statuses(send(port, ("/x/left", "X-Deed: whose", CLOSE))) == ["200"]


def test_one_reply_for_each_request(run):
    """Also where the hook has given it, whatever it answers."""
    port = run(HOOK, None)
    for no in ([], ["X-No: 1"]):
        got = send(
            port, ("/x/left", "X-Deed: finish", *no), ("/x/left",), ("/x/left", CLOSE), token="tok"
        )
        assert statuses(got) == ["200", "200", "200"]
        assert got.count("the hook's own") == 1
        assert got.count("left=nothing") == 2


def test_answers_have_jupyters_headers(run):
    """A cookie that is no longer valid is cleared wherever it may be; API replies load nothing."""
    port = run(base="/b/")
    headers = ["Cookie: username-localhost=bad", "Accept: text/html", CLOSE]
    got = send(port, ("/b/x/left", *headers), token="")
    assert statuses(got) == ["302"]
    assert len(re.findall(r'Set-Cookie: username-localhost="";', got)) == 2
    for method, token in (("OPTIONS", ""), ("GET", "")):
        got = send(port, ("/b/api/contents", CLOSE), method=method, token=token)
        assert "default-src 'none'" in got
