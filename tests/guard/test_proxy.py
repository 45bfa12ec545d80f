"""Applications behind the proxy: who may use which, and what they never receive."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import time
from http.cookies import SimpleCookie
from urllib.parse import quote, urlencode

import pytest
from guard.test_revocation import policy
from people import allowing
from real import PASSWORD
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.websocket import websocket_connect

from jupyter_authz.resources import proxy


class Browser:
    """Somebody who signed in with name and password, and keeps cookies."""

    def __init__(self, port, name):
        self.port = port
        self.cookies = {"app": "its-own", "username-like": "mine"}
        page = self.request("GET", "/login").body.decode()
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)[1]
        form = urlencode({"username": name, "password": PASSWORD, "_xsrf": xsrf})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = self.request("POST", "/login", form, headers)
        assert reply.status == 302, reply.body
        self.login_cookie = next(n for n in self.cookies if n.startswith("username-127"))

    @property
    def cookie(self):
        """The header with all cookies."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def request(self, method, path, body=None, headers=None):
        """Send a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Cookie": self.cookie, **(headers or {})}
        connection.request(method, path, body=body, headers=sent)
        reply = connection.getresponse()
        reply.body = reply.read()
        connection.close()
        for line in reply.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.coded_value
        return reply


@pytest.fixture(scope="session")
def browser(real):
    """Give somebody with cookies who may use the application."""
    return Browser(real.port, "root")


def connect(port, path, headers):
    """Open a websocket and give the first message."""

    async def run():
        request = HTTPRequest(f"ws://127.0.0.1:{port}{path}", headers=headers, request_timeout=20)
        socket = await websocket_connect(request)
        try:
            return json.loads(await asyncio.wait_for(socket.read_message(), 20))
        finally:
            socket.close()
            while await socket.read_message() is not None:
                pass
            await asyncio.sleep(0)

    return asyncio.run(run())


def assert_hidden(received, *secrets):
    """Assert that none of Jupyter's credentials, but all the rest, came through."""
    text = json.dumps(received)
    for secret in secrets:
        assert secret not in text
    headers = received["headers"]
    assert "authorization" not in headers or headers["authorization"].startswith("Basic")
    assert "x-xsrftoken" not in headers
    cookies = SimpleCookie(headers.get("cookie", ""))
    assert "_xsrf" not in cookies
    assert not any(name.startswith("username-") for name in cookies)


PLACES = [
    "/proxy/{upstream}/",
    "/proxy/127.0.0.1:{upstream}/",
    "/proxy/absolute/{upstream}/",
    "/app/",
]


@pytest.mark.parametrize("place", PLACES)
def test_applications_never_receive_credentials(real, browser, upstream, place):
    """Neither with a token nor with cookies, over HTTP or websockets; the rest arrives."""
    base = place.format(upstream=upstream)
    token = real.tokens["root"]
    by_token = {"Authorization": f"token {token}", "Cookie": "app=its-own; a=b"}
    login = browser.cookies[browser.login_cookie]
    xsrf = browser.cookies["_xsrf"]
    by_cookie = {"Cookie": browser.cookie, "X-XSRFToken": xsrf, "X-Own": "own"}
    secrets = (token, login, login.strip('"'), xsrf)
    query = f"a=1&token={token}&b=%20x&_xsrf={xsrf}&%74oken={token}&token"
    for headers in (by_token, by_cookie):
        reply = real().request("GET", f"{base}x?{query}", headers=headers)
        assert reply.status == 200, reply.body
        received = reply.json
        assert_hidden(received, *secrets)
        assert received["uri"].endswith("x?a=1&b=%20x")
        assert "app=" in received["headers"]["cookie"]
        reply = real().request("POST", f"{base}x", {"some": "thing"}, headers=headers)
        assert json.loads(reply.json["body"]) == {"some": "thing"}
        assert_hidden(reply.json, *secrets)
        socket = connect(real.port, f"{base}ws?{query}", headers)
        assert_hidden(socket, *secrets)
        assert "app=" in socket["headers"]["cookie"]
    assert received["headers"]["x-own"] == "own"


def test_a_token_in_a_form_stays_here(real, browser, upstream):
    """A form reaches the application without what is Jupyter's in it."""
    token, xsrf = real.tokens["root"], browser.cookies["_xsrf"]
    cookie = {"Cookie": browser.cookie}
    path = f"/proxy/{upstream}/x"
    body = f"token={token}&a=1&%74oken={token}&_xsrf={xsrf}&b=%20y".encode()
    form = {**cookie, "Content-Type": "application/x-www-form-urlencoded"}
    reply = real().request("POST", path, body, headers=form)
    assert reply.status == 200, reply.body
    assert reply.json["body"] == "a=1&b=%20y"
    assert_hidden(reply.json, token, xsrf)
    parts = f'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--x--\r\n'
    multipart = {**cookie, "X-XSRFToken": xsrf, "Content-Type": "multipart/form-data; boundary=x"}
    assert real().request("POST", path, parts.encode(), headers=multipart).status == 400


def test_credentials_of_the_application_arrive(real, browser, upstream):
    """What belongs to the application is its own: its cookies, and its own sign-in."""
    headers = {"Cookie": browser.cookie, "Authorization": "Basic YTpi"}
    received = real().request("GET", f"/proxy/{upstream}/x?q=token", headers=headers).json
    assert received["headers"]["authorization"] == "Basic YTpi"
    assert received["uri"].endswith("?q=token")
    assert "app=its-own" in received["headers"]["cookie"]


def test_names_of_applications(real, upstream):
    """Permission for one port is none for another; loopback names are one."""
    pat = real("pat")
    for host in ("", "localhost:", "127.0.0.1:"):
        assert pat.status("GET", f"/proxy/{host}{upstream}/x") == 200, host
    assert pat.status("GET", f"/proxy/absolute/{upstream}/x") == 200
    for other in (
        f"{real.port}",
        f"{upstream - 1}",
        f"example.com:{upstream}",
        f"10.0.0.1:{upstream}",
    ):
        assert pat.status("GET", f"/proxy/{other}/x") == 403, other
    with pytest.raises(HTTPClientError) as refused:
        connect(real.port, f"/proxy/{real.port}/ws", {"Authorization": f"token {pat.token}"})
    assert refused.value.code == 403


def test_paths_of_applications(real):
    """A filter on `url` looks below the address of the application."""
    pat = real("pat")
    assert pat.status("GET", "/app/open/x") == 200
    assert pat.status("GET", "/app/open") == 200
    for path in ("", "closed", "opened", "open/../closed", "open%2f..%2fclosed", "open/%2e%2e/x"):
        assert pat.status("GET", f"/app/{path}") == 403, path


def test_other_sites_use_no_application(real, browser, upstream):
    """A link on another site's page does not reach an application with one's cookies."""
    headers = {"Cookie": browser.cookie, "Sec-Fetch-Site": "cross-site"}
    assert real().request("GET", f"/proxy/{upstream}/x", headers=headers).status == 403
    headers["Sec-Fetch-Site"] = "same-origin"
    assert real().request("GET", f"/proxy/{upstream}/x", headers=headers).status == 200


def test_every_proxying_handler_hides_credentials():
    """A handler that passes requests on is marked as such."""
    hiding = {row.handler.rpartition(".")[2] for row in proxy.ROWS if row.hides_credentials}
    assert hiding == {
        "LocalProxyHandler",
        "RemoteProxyHandler",
        "NamedLocalProxyHandler",
        "SuperviseAndProxyHandler",
    }


# What Dash, Streamlit and Panel serve besides their pages.
BESIDE = (
    "",
    "_dash-layout",
    "_dash-dependencies",
    "_dash-update-component",
    "_dash-component-suites/dash/deps/x.js",
    "_reload-hash",
    "assets/style.css",
    "_favicon.ico",
    "_stcore/health",
    "_stcore/host-config",
    "_stcore/stream",
    "_stcore/upload_file/x/y",
    "media/x.png",
    "component/x.y/index.html",
    "app/metadata",
    "app/autoload.js",
    "app/ws",
    "static/js/bokeh.min.js",
)


@pytest.mark.parametrize("place", ["/proxy/{}", "/proxy/absolute/{}", "/proxy/127.0.0.1:{}"])
def test_all_of_an_application_is_its_own(real, upstream, place):
    """Pages, assets, metadata, calls and websockets: for whom it is, and for nobody else."""
    base = place.format(upstream)
    for path in BESIDE:
        for method in ("GET", "POST"):
            body = None if method == "GET" else {}
            assert real("pat").status(method, f"{base}/{path}", body) not in {302, 403}, path
            assert real("ann").status(method, f"{base}/{path}", body) == 403, path
            assert real().status(method, f"{base}/{path}", body) in {302, 403}, path
    page = real().request("GET", f"{base}/", headers={"Accept": "text/html"})
    assert (page.status, page.headers["Location"].partition("?")[0]) == (302, "/login")
    with pytest.raises(HTTPClientError, match="403"):
        connect(real.port, f"{base}/app/ws", {"Authorization": f"token {real('ann').token}"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("root", {"app", "Whole", "astray", "dot.ted"}),
        ("pat", {"app"}),
        ("pam", {"Whole"}),
        ("ada", set()),
    ],
)
def test_the_list_of_applications(real, name, expected):
    """It holds those whose entry in a launcher leads to where one may go."""
    listed = real(name).request("GET", "/server-proxy/servers-info").json["server_processes"]
    assert {entry["name"] for entry in listed} == expected


def test_the_way_to_the_first_page(real):
    """An application's name without a slash at its end leads nobody else to it."""
    seen = {
        name: [real(name).status("GET", f"/{path}") for path in ("app", "Whole")]
        for name in ("root", "pat", "pam", "ann")
    }
    assert seen == {
        "root": [302, 302],
        "pat": [403, 403],
        "pam": [403, 302],
        "ann": [403, 403],
    }


@pytest.mark.parametrize("place", ["/proxy/{}/x", "/proxy/absolute/{}/x", "/proxy/localhost:{}/x"])
def test_spellings_of_ports(real, upstream, place):
    """A port has one: by a larger number the system would reach another port."""
    for port in (upstream + 65_536, f"0{upstream}", 65_536, 0, "9" * 30, "\u0661\u0662"):
        for name in ("pat", "root"):
            status = real(name).status("GET", quote(place.format(port), safe="/:"))
            assert status == 400 or (status == 404 and not str(port).isascii()), port
    assert real("pat").status("GET", place.format(upstream)) == 200


def test_a_name_is_no_pattern(real):
    """An application is where its name says, and not where that would match as a pattern."""
    dot = {name: real(name).status("GET", "/dot.ted/x") for name in ("root", "pat")}
    assert (dot["root"] >= 500, dot["pat"]) == (True, 403)
    for path in ("dotXted/x", "dot/ted/x", "dot-ted", "dot/ted/", "dotXted/../dot.ted/x"):
        for name in ("root", "pat"):
            assert real(name).status("GET", f"/{path}") == 404, path


async def test_a_reply_that_is_waited_for(serve, jp_server_config, upstream):
    """What an application is going to answer is not given to who may no longer ask for it."""
    jp_server_config.ServerApp.jpserver_extensions["jupyter_server_proxy"] = True
    be = serve(roles=[allowing("*", users=["ann", "bob"])])
    waiting = {
        name: asyncio.ensure_future(be(name).fetch("GET", f"proxy/{upstream}/slowly"))
        for name in ("ann", "bob")
    }
    await asyncio.sleep(0.5)
    be.guard.enforce(policy(allowing("*", users=["ann"])))
    began = time.monotonic()
    with pytest.raises(HTTPStreamClosedError):
        await asyncio.wait_for(waiting["bob"], 5)
    assert time.monotonic() - began < 1
    assert not waiting["ann"].done()
    waiting["ann"].cancel()
