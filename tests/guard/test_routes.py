"""Every route of a real server with the usual extensions answers to the policy."""

from __future__ import annotations

import time

import pytest
from samples import sample

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def addresses(routes):
    """Give an address and a verb for every route that is not public."""
    for route in routes:
        if route["public"]:
            continue
        path = sample(route["pattern"])
        verbs = VERBS if route["verbs"] == ["*"] else route["verbs"]
        for verb in verbs:
            yield path, verb
        yield path, "BREW"


def send(client, verb, path, headers=None):
    """Send a request of any verb; ``WS`` is a handshake."""
    if verb == "WS":
        return client.request("GET", path, headers={**HANDSHAKE, **(headers or {})})
    return client.request(verb, path, {} if verb in {"POST", "PUT", "PATCH"} else None, headers)


def test_every_route_and_verb_is_refused(real):
    """Who has no role is refused everything that is not public, with a reason, at once."""
    client = real("ann")
    before = sorted(real.root.rglob("*"))
    count = 0
    for path, verb in addresses(real.routes):
        started = time.monotonic()
        reply = send(client, verb, path)
        assert reply.status == 403, (verb, path, reply.status, reply.body[:200])
        assert time.monotonic() - started < 5, (verb, path)
        if verb != "HEAD":
            answer = reply.json
            assert answer["reason"] == "no-role", (verb, path)
            assert answer["message"]
            assert answer["decision"]
        count += 1
    assert count > 260
    assert sorted(real.root.rglob("*")) == before
    assert real("root").request("GET", "api/kernels").json == []
    assert real("root").request("GET", "api/terminals").json == []


def test_nobody_is_sent_to_sign_in(real):
    """Who is not signed in is redirected, or refused where that means nothing."""
    client = real()
    for path, verb in addresses(real.routes):
        reply = send(client, verb, path)
        if reply.status == 302:
            assert verb in {"GET", "HEAD"}
            assert reply.headers["Location"].startswith("/login?next="), (verb, path)
        else:
            assert reply.status == 403, (verb, path, reply.status, reply.body[:200])


def test_pages_for_people(real):
    """A browser gets a page to read, with a way back; nothing of the policy is on it."""
    for path in ("/lab", "/tree", "/nbclassic/tree", "/voila/tree/x", "/git/settings"):
        reply = real("ann").request("GET", path, headers={"Accept": "text/html,*/*"})
        if path != "/git/settings":
            assert reply.headers["Content-Type"].startswith("text/html"), path
            assert b"You may not" in reply.body
            assert b"ann" in reply.body
            assert b"role" not in reply.body.replace(b'role="alert"', b"")
        assert reply.status == 403, path


# The whole list. Whoever adds to it opens a route to everybody.
PUBLIC = {
    ("/(favicon\\.ico)$", "FileFindHandler"),
    ("/(robots\\.txt)$", "FileFindHandler"),
    ("/(robots\\.txt|favicon\\.ico)$", "PublicStaticFileHandler"),
    ("/api$", "APIVersionHandler"),
    ("/custom/(.*)$", "FileFindHandler"),
    ("/lab/extensions/(.*)$", "FileFindHandler"),
    ("/login$", "LoginHandler"),
    ("/logout$", "LogoutHandler"),
    ("/metrics$", "PrometheusMetricsHandler"),
    ("/nbextensions/(.*)$", "FileFindHandler"),
    ("/static/(.*)$", "FileFindHandler"),
    ("/static/lab/(.*)$", "FileFindHandler"),
    ("/static/nbclassic/(.*)$", "FileFindHandler"),
    ("/static/notebook/(.*)$", "FileFindHandler"),
    ("/voila/labextensions/(.*)$", "FileFindHandler"),
}


def test_the_public_routes(real):
    """What is public is this and nothing else."""
    public = {(r["pattern"], r["handler"]) for r in real.routes if r["public"]}
    assert public == PUBLIC


def test_public_routes_are_public(real):
    """They answer everybody, and a user without a role like everybody."""
    for client in (real(), real("ann")):
        assert client.status("GET", "/api") == 200
        assert client.status("GET", "/static/favicon.ico") == 200
        assert client.status("GET", "/login") in {200, 302}
        assert client.status("GET", "/lab/extensions/none") == 404


def test_metrics_are_not_public_by_default(real):
    """Jupyter lets everybody see them only where `authenticate_prometheus` is off."""
    assert real().status("GET", "/metrics") == 302
    assert real("ann").status("GET", "/metrics") == 403
    assert real("root").status("GET", "/metrics") == 200


def test_every_route_is_classified(real):
    """No handler of the supported packages falls under the rule for unknown ones."""
    unknown = {r["type"] for r in real.routes if not r["public"] and not r["listed"]}
    assert unknown == set()


def test_who_may_do_everything_gets_answers(real):
    """The pages of every front end open, for whom may see them."""
    client = real("root")
    for path in (
        "/lab",
        "/tree",
        "/nbclassic/tree",
        "/api/status",
        "/api/contents",
        "/lab/api/settings",
        "/voila",
        "/lsp/status",
        "/server-proxy/servers-info",
    ):
        assert client.status("GET", path) == 200, path
    assert send(client, "WS", "/api/events/subscribe").status == 101


def test_preflights(real):
    """A CORS preflight needs no user, as on a bare server."""
    headers = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT"}
    for client in (real(), real("ann")):
        reply = client.request("OPTIONS", "/api/contents/a", headers=headers)
        assert reply.status in {200, 204}
        assert "PUT" in reply.headers["Access-Control-Allow-Methods"]
        assert reply.body == b""


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"/api/kernels/(?P<kernel_id>\w+-\w+)/channels$", "/api/kernels/a-a/channels"),
        (r"/files(?P<path>(?:(?:/[^/]+)+|/?))$", "/files/a"),
        (r"/git(?P<path>/.*)?/add$", None),
    ],
)
def test_samples(pattern, text):
    """The addresses of these tests are addresses."""
    assert text is None or sample(pattern) == text
    sample(pattern)
