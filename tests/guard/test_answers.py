"""What those who are not let in are told: a page for people, JSON for programs."""

from __future__ import annotations

import json

import pytest
from people import allowing

from jupyter_authz.guard.answers import sentence
from jupyter_authz.model import ACTIONS, Question, Resource
from jupyter_authz.resources.types import TYPES

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SECRETS = ("role", "a-secret-role", "secret/place", "read:contents")


@pytest.fixture
def be(serve):
    """Run a server with a policy that is nobody's business."""
    return serve(
        roles=[
            allowing(
                "read:contents!path=secret/place/**",
                deny=["read:contents!path=closed/**"],
                name="a-secret-role",
            )
        ]
    )


async def test_a_program_gets_json(be, caplog):
    """A message for a person, a reason for a program, an id for the operator; no policy."""
    reply = await be("ann").fetch("GET", "api/contents/x", headers=HTML)
    assert reply.code == 403
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    answer = json.loads(reply.body)
    assert set(answer) == {"message", "reason", "decision"}
    assert answer["message"].startswith("You may not see this file or folder")
    assert answer["reason"] == "no-role"
    assert not any(secret in reply.body.decode() for secret in SECRETS[1:])
    assert answer["decision"] in caplog.text


async def test_the_log_explains(be, caplog):
    """Under the id the operator finds who asked for what, and which rule denied it."""
    be.write(closed__x_txt="x")
    reply = await be("ann").fetch("GET", "api/contents/closed/x.txt")
    answer = json.loads(reply.body)
    # No allow covers it either; where one does, the deny is named.
    line = next(r.getMessage() for r in caplog.records if answer["decision"] in r.getMessage())
    assert "'ann'" in line
    assert "read:contents closed/x.txt" in line


async def test_the_rule_that_denied_is_in_the_log_only(serve, caplog):
    """The deny that decided is named to the operator and not to the client."""
    be = serve(roles=[allowing("*", deny=["read:contents!path=closed/**"], name="a-secret-role")])
    reply = await be("ann").fetch("GET", "api/contents/closed/x.txt")
    answer = json.loads(reply.body)
    assert answer["reason"] == "denied-by-role"
    assert "a-secret-role" not in reply.body.decode()
    line = next(r.getMessage() for r in caplog.records if answer["decision"] in r.getMessage())
    assert "a-secret-role" in line
    assert "read:contents!path=closed/**" in line


async def test_a_person_gets_a_page(be):
    """With what was refused, who one is, the id and the ways on."""
    reply = await be("<b>ann").fetch("GET", "files/x", headers=HTML)
    assert reply.code == 403
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors" in reply.headers["Content-Security-Policy"]
    page = reply.body.decode()
    assert "You may not see this file or folder" in page
    assert "&lt;b&gt;ann" in page
    assert f'href="{be.base_url}"' in page
    assert not any(secret in page for secret in SECRETS[1:])


async def test_a_page_is_for_looking_at(be):
    """What is not a GET of a page gets JSON, whatever it accepts."""
    for verb, path in (("POST", "nbconvert/html"), ("GET", "api/contents/x")):
        reply = await be("ann").fetch(verb, path, "{}" if verb == "POST" else None, headers=HTML)
        assert reply.headers["Content-Type"] == "application/json"
        json.loads(reply.body)


async def test_head_has_no_body(be):
    """A HEAD is refused like its GET."""
    reply = await be("ann").fetch("HEAD", "files/x")
    assert (reply.code, reply.body) == (403, b"")


@pytest.mark.parametrize("headers", [HTML, {}], ids=["page", "json"])
async def test_denied_status(serve, headers):
    """The operator may prefer 401."""
    be = serve(roles=[], base_permissions=[], denied_status=401)
    assert await be("ann").status("GET", "files/x", headers=headers) == 401
    assert await be("ann").status("GET", "api/status", headers=headers) == 401
    # Not signed in stays what Jupyter makes of it.
    assert await be().status("GET", "api/status", headers=headers) == 403


async def test_not_signed_in(be):
    """Pages lead to sign-in and back; the rest is refused."""
    reply = await be().fetch("GET", "files/x?y=1", headers=HTML)
    assert reply.code == 302
    assert reply.headers["Location"] == f"{be.base_url}login?next=" + (
        f"{be.base_url}files/x?y=1".replace("%", "%25")
        .replace("/", "%2F")
        .replace("?", "%3F")
        .replace("=", "%3D")
    )
    reply = await be().fetch("POST", "nbconvert/html", "{}", headers=HTML)
    assert reply.code == 403
    assert json.loads(reply.body)["reason"] == "not-signed-in"
    reply = await be().fetch("GET", "api/status")
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, "not-signed-in")


async def test_cross_origin_scripts_can_read_why(be):
    """A denial of a token's request has the headers that any answer to it would have."""
    reply = await be("ann").fetch("GET", "api/contents/x", headers={"Origin": "http://a.example"})
    assert reply.headers["Access-Control-Allow-Origin"] == "http://a.example"


@pytest.mark.parametrize("kind", [*TYPES, "ext.package", "reports"])
def test_sentences(kind):
    """There is a sentence for whatever is asked."""
    for action in ACTIONS:
        text = sentence(Question(action, Resource(kind, path="secret")))
        assert text.startswith("You may not ")
        assert "secret" not in text
    assert sentence(None)
