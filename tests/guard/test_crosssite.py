"""A link on another site's page runs nothing, by the browser's Fetch Metadata."""

from __future__ import annotations

import json

import pytest
from people import allowing
from tornado.httputil import HTTPHeaders, ResponseStartLine
from tornado.routing import PathMatches, Rule
from tornado.web import RequestHandler

SAFE = ("same-origin", "none", None)
UNSAFE = ("cross-site", "same-site", "Cross-Site", "something-new")


class Acts(RequestHandler):
    """A GET that does something, as far as anybody knows."""

    ran = 0

    def get(self):
        """Do it."""
        type(self).ran += 1
        self.finish("done")

    head = get


@pytest.fixture
def be(serve):
    """Run a server with such a handler."""
    be = serve(roles=[allowing("*")])
    be.add(("acts", Acts))
    Acts.ran = 0
    be.write(a_txt="a")
    return be


def site(value):
    """Give the header, if any."""
    return {} if value is None else {"Sec-Fetch-Site": value}


def call(be):
    """Have a function called for an address; give the list of verbs that it gets."""
    ran = []

    def called(request):
        ran.append(request.method)
        request.connection.write_headers(
            ResponseStartLine("HTTP/1.1", 200, "OK"), HTTPHeaders({"Content-Length": "0"})
        )
        request.connection.finish()

    matches = PathMatches(f"{be.base_url}called")
    be.web_app.default_router.rules.insert(0, Rule(matches, called))
    return ran


@pytest.mark.parametrize("value", UNSAFE)
async def test_other_sites_run_nothing(be, value):
    """A GET that executes or writes is refused when another site's page asked for it."""
    ann = be("ann", token=False)
    for verb in ("GET", "HEAD"):
        assert await ann.status(verb, "acts", headers=site(value)) == 403
    reply = await ann.fetch("GET", "acts", headers=site(value))
    assert json.loads(reply.body)["reason"] == "cross-site"
    assert Acts.ran == 0


@pytest.mark.parametrize("value", SAFE)
async def test_the_same_site_and_no_site_are_fine(be, value):
    """So are links of the front ends, typed addresses and clients that are no browsers."""
    assert await be("ann", token=False).status("GET", "acts", headers=site(value)) == 200
    assert Acts.ran == 1


@pytest.mark.parametrize("value", UNSAFE)
async def test_reading_is_left_to_jupyter(be, value):
    """A GET that reads is not concerned: links to files work."""
    assert await be("ann", token=False).status("GET", "api/status", headers=site(value)) in {
        200,
        403,
    }
    headers = {**site(value), "Referer": f"http://127.0.0.1:{be.client.port}/"}
    assert await be("ann", token=False).status("GET", "files/a.txt", headers=headers) == 200


@pytest.mark.parametrize("value", UNSAFE)
async def test_a_token_is_sent_by_nobody_else(be, value):
    """A script with a token in a header is not caused by anybody's link."""
    assert await be("ann").status("GET", "acts", headers=site(value)) == 200


@pytest.mark.parametrize("value", [*UNSAFE, *SAFE])
async def test_what_looks_for_no_token(be, value):
    """A function that tornado calls is protected as a GET is, whatever the verb."""
    ran = call(be)
    ann = be("ann", token=False)
    safe = value in SAFE
    assert await ann.status("POST", "called", "", headers=site(value)) == (200 if safe else 403)
    assert ran == (["POST"] if safe else [])


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_origins_count_where_there_is_no_metadata(be, origin):
    """Browsers send none to a plain HTTP address, but name the origin of what they post."""
    ran = call(be)
    headers = {} if origin is None else {"Origin": origin}
    expected = 200 if origin is None else 403
    assert await be("ann", token=False).status("POST", "called", "", headers=headers) == expected
    assert len(ran) == (origin is None)


async def test_origins_that_the_operator_allows(be, monkeypatch):
    """`allow_origin` says which sites may."""
    ann = be("ann", token=False)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "http://friend.example"}
    monkeypatch.setitem(be.web_app.settings, "allow_origin", "http://friend.example")
    assert await ann.status("GET", "acts", headers=headers) == 200
    headers["Origin"] = "http://evil.example"
    assert await ann.status("GET", "acts", headers=headers) == 403
    monkeypatch.setitem(be.web_app.settings, "allow_origin", "")
    monkeypatch.setitem(be.web_app.settings, "allow_origin_pat", r"http://.*\\.friends\\.example")
    assert await ann.status("GET", "acts", headers=headers) == 403
    monkeypatch.setitem(be.web_app.settings, "allow_origin_pat", "http://.*friends.example")
    headers["Origin"] = "http://a.friends.example"
    assert await ann.status("GET", "acts", headers=headers) == 200


async def test_the_page_leads_on(be):
    """A person gets a page with the same link on it, which then is this site's own."""
    headers = {**site("cross-site"), "Accept": "text/html"}
    reply = await be("ann", token=False).fetch("GET", "acts?a=1&b=%22", headers=headers)
    page = reply.body.decode()
    assert "another site" in page
    assert f'href="{be.base_url}acts?a=1&amp;b=%22"' in page


async def test_without_a_policy_nothing_is_refused(serve):
    """The transparent guard adds nothing."""
    be = serve()
    be.add(("acts", Acts))
    assert await be("ann", token=False).status("GET", "acts", headers=site("cross-site")) == 200
