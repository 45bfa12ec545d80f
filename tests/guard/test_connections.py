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
    if deed == "flush":
        self.write("the hook's own")
        self.flush()
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
    for path in ("/yyy", "/www"):
        assert statuses(send(port, (path, CLOSE))) == ["200"]
    assert send(port, ("/o/x", CLOSE)).endswith("the other application")


def test_denies_by_package_reach_every_rule(run, tmp_path):
    """Whichever way an extension adds its rules, they are its own; assets are Jupyter's only."""
    (tmp_path / "root" / "f.txt").write_text("secret")
    port = run(roles=[{**ALL, "deny": ["execute:ext.unruly"]}])
    for path in ("/x/left", "/y/files/f.txt", "/y/app/1", "/o/x", "/custom/f.txt"):
        assert statuses(send(port, (path, CLOSE))) == ["403"], path
        assert statuses(send(port, (path, CLOSE), token="")) == ["302"], path


def test_the_user_decided_about_acts(run):
    """Also where somebody has wrapped the provider so that it looks like what it was."""
    denied = {"name": "denied", "users": ["u2", "u4"], "deny": ["*"]}
    port = run(roles=[ALL, denied])
    assert send(port, ("/x/wrap", CLOSE)).endswith("wrapped")
    got = [send(port, ("/x/acting", CLOSE)) for _ in range(4)]
    assert [statuses(one)[0] for one in got] == ["200", "403", "200", "403"]
    assert [one.rpartition("acts as ")[2] for one in got[::2]] == ["u1", "u3"]


def test_managers_know_the_request(run, tmp_path):
    """A manager that waits for nothing is asked as in the request, and what it says counts."""
    kept = tmp_path / "root" / "d" / "keep"
    kept.mkdir(parents=True)
    role = {**ALL, "deny": ["write:contents!path=d/keep/**"]}
    port = run("c.ServerApp.contents_manager_class = 'unruly.Knowing'", [role])
    assert statuses(send(port, ("/api/contents/d", CLOSE), method="DELETE")) == ["403"]
    assert kept.is_dir()


PATCHED = """
import unruly
from jupyter_server.auth import IdentityProvider
async def get_user(self, handler):
    return unruly.Busy.get_user(self, handler)
IdentityProvider.get_user = get_user
"""
BUSY = "c.ServerApp.identity_provider_class = 'unruly.Busy'"


@pytest.mark.parametrize("text", [BUSY, PATCHED], ids=["subclass", "patched"])
def test_what_a_provider_answers(run, text):
    """It may answer, refuse or raise as on a bare server; the connection goes on where it can."""
    port = run(text)
    for deed, status in (
        ("not modified", "304"),
        ("negotiate", "401"),
        ("locked", "403"),
        ("bad", "400"),
        ("flush", "200"),
    ):
        got = send(port, ("/x/left", f"X-Deed: {deed}"), ("/x/left", CLOSE))
        assert statuses(got) == [status, "200"], (deed, got)
    assert "Account locked until 5pm" in send(port, ("/api/me", "X-Deed: locked", CLOSE))
    assert "100% wrong: realm" in send(port, ("/api/me", "X-Deed: bad", CLOSE))


@pytest.mark.parametrize("text", [BUSY, PATCHED], ids=["subclass", "patched"])
def test_what_a_provider_leaves(run, text):
    """Its cookies, headers and attributes are there once, beside the handler's own."""
    port = run(text)
    got = send(port, ("/x/cookies", "X-Deed: cookies", CLOSE))
    assert {"own", "provider"} <= set(re.findall(r"Set-Cookie: (\w+)=1", got))
    assert "Cache-Control: no-store" in got
    assert "private" not in got
    assert got.endswith("acme True")


def test_a_cookie_that_is_no_longer_valid_is_cleared(run):
    """Everywhere it may be set, also for who is let in without one."""
    port = run("c.IdentityProvider.token = ''\nc.ServerApp.password = ''\n", base="/b/")
    got = send(port, ("/b/x/left", "Cookie: username-localhost=bad", CLOSE), token="")
    paths = re.findall(r'Set-Cookie: username-localhost="";.*?Path=([^;\r]*)', got)
    assert statuses(got) == ["200"]
    assert "/" in paths


def test_a_cookie_that_is_no_longer_valid_takes_no_headers_away(run, tmp_path):
    """Content of users stays in its sandbox, and a reply has what Jupyter and the operator set."""
    (tmp_path / "root" / "evil.html").write_text("<script></script>")
    port = run(
        "c.IdentityProvider.token = ''\nc.ServerApp.password = ''\n"
        "c.ServerApp.tornado_settings = {'headers': {'X-Frame-Options': 'DENY'}}\n",
        base="/b/",
    )
    for path in ("/b/files/evil.html", "/b/api/me", "/b/x/left"):
        headers = ["Referer: http://localhost/b/", CLOSE]
        fresh, stale = (
            set(
                re.findall(
                    r"^([\w-]+): ", send(port, (path, *headers, *more), token=""), re.MULTILINE
                )
            )
            for more in ([], ["Cookie: username-localhost=bad"])
        )
        assert fresh <= stale, path
        assert {"X-Content-Type-Options", "Content-Type", "X-Frame-Options"} <= stale
    got = send(port, ("/b/files/evil.html", *headers, "Cookie: username-localhost=bad"), token="")
    assert "sandbox allow-scripts" in got


NEGOTIATE = """
import functools
from tornado.web import Finish
from jupyter_server.auth import IdentityProvider
def get_user_cookie(self, handler):
    if "X-Deed" not in handler.request.headers:
        return None
    handler.set_status(401)
    handler.set_header("WWW-Authenticate", "Negotiate")
    raise Finish
"""
PUT_IN = {
    "function": "IdentityProvider.get_user_cookie = get_user_cookie",
    "partialmethod": "IdentityProvider.get_user_cookie = functools.partialmethod(get_user_cookie)",
    "late": "import unruly\nunruly.LATE.append((IdentityProvider, get_user_cookie))",
}


@pytest.mark.parametrize("how", PUT_IN)
def test_what_is_put_into_the_default_provider_answers(run, how):
    """However and whenever it gets there: as on a bare server, and never with an empty 200."""
    port = run(NEGOTIATE + PUT_IN[how])
    assert statuses(send(port, ("/x/left", CLOSE))) == ["200"]
    send(port, ("/x/late", CLOSE))
    for path in ("/x/left", "/api/contents"):
        got = send(port, (path, "X-Deed: 1", CLOSE), token="")
        assert statuses(got) == ["401"], got
        assert "Www-Authenticate: Negotiate" in got


@pytest.mark.parametrize("roles", [[ALL], None], ids=["policy", "none"])
def test_a_target_that_is_cancelled_closes_the_connection(run, roles):
    """Nobody waits for an answer that cannot come."""
    assert send(run(roles=roles), ("/x/cancels",)) == ""


@pytest.mark.parametrize("roles", [[ALL], None], ids=["policy", "none"])
def test_an_authorizer_keeps_what_it_can_do(run, roles):
    """Handlers may use more of an operator's authorizer than Jupyter does."""
    port = run("c.ServerApp.authorizer_class = 'unruly.Leveled'", roles)
    assert send(port, ("/x/level", CLOSE)).endswith("level=5")


def test_a_preflight_of_a_strange_host(run):
    """It is refused as by Jupyter."""
    port = run()
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        text = "OPTIONS /api/contents HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        connection.sendall(text.encode())
        assert statuses(connection.recv(65536).decode()) == ["403"]


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


@pytest.mark.parametrize("deed", ["finish", "flush"])
def test_one_reply_for_each_request(run, deed):
    """Also where the hook has given it, or begun to, whatever it answers."""
    port = run(HOOK, None)
    for no in ([], ["X-No: 1"]):
        got = send(port, ("/x/left", f"X-Deed: {deed}", *no), ("/x/left",), ("/x/left", CLOSE))
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
