"""The pages of accounts over HTTP, by visitors without JavaScript."""

from __future__ import annotations

import logging
import re
from urllib.parse import quote, urlencode

import pytest
from accounts import mailbox
from accounts.browsers import until
from accounts.visitors import Page, Visitor
from jupyter_server.auth import passwd
from people import allowing

from jupyter_authz import AccountsIdentityProvider
from jupyter_authz.accounts import people, secrets
from jupyter_authz.accounts.forms import OWN, PUBLIC, browser_of
from jupyter_authz.accounts.settings import OFFERS
from jupyter_authz.accounts.store import Store
from jupyter_authz.errors import StoreLostError
from jupyter_authz.identity.stored import SERVICE

PASSWORD, OTHER = "correct horse", "battery staple"
HASHED = passwd(PASSWORD)
VERIFY, RESET = "Please confirm your address", "Your password"
NEW = {"username": "cy", "name": "Cy", "email": "cy@example.org", "password": PASSWORD}
INJECTED = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
# As a link has them, in the mail of a server that people reach by another address.
SECRET = "0123456789abcdef" * 4


@pytest.fixture
def start(serve, jp_server_config, jp_asyncio_loop, tmp_path):
    """Give a function that runs a server with accounts: ann and bob, and root by configuration."""
    mailbox.MAILS.clear()
    jp_server_config.ServerApp.identity_provider_class = AccountsIdentityProvider
    jp_server_config.AccountsIdentityProvider.users = {"root": {"hashed_password": HASHED}}
    settings = jp_server_config.Accounts
    settings.enabled = True
    settings.url = f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
    settings.mailer = "accounts.mailbox.send"
    settings.offers = list(OFFERS)
    started = []
    store = Store(settings.url)
    store.open()
    with store.writing() as writing:
        for name in ("ann", "bob"):
            people.add(writing, name, name=name, email=f"{name}@example.org", password=HASHED)
    store.close()

    def run(**accounts):
        for name, value in accounts.items():
            setattr(settings, name, value)
        be = serve(
            roles=[allowing("*", users=["root"], name="root"), allowing("read:contents", name="a")]
        )
        be.live = be.web_app.settings[SERVICE].live
        started.append(be)
        return be

    yield run
    for be in started:
        jp_asyncio_loop.run_until_complete(be.live.stop())


@pytest.fixture
def be(start):
    """Run a server that offers all there is."""
    return start()


async def signed_in(be, name="ann", password=PASSWORD):
    """Give a visitor who is signed in."""
    visitor = Visitor(be)
    await visitor.sign_in_on_page(name, password)
    assert await visitor.who() == name
    return visitor


async def filled_in(be, place, **fields):
    """Fill in one of the public forms, as a new visitor."""
    visitor = Visitor(be)
    page = await visitor.look(f"authz/{place}")
    return await visitor.send(page.forms[0], **fields)


# ---------------------------------------------------------------------- the whole way


async def test_from_registration_to_signing_out_everywhere(be):
    """Registered, confirmed, approved, signed in; then all that is one's own to change."""
    cy = Visitor(be)
    page = await cy.look("login")
    page = await cy.look(page.links["Register"].removeprefix(be.base_url))
    assert page.focused == ["username"]
    page = await cy.send(page.forms[0], **NEW)
    assert (page.code, page.forms) == (200, [])
    assert "follow the link in the mail" in page.text
    assert (await cy.sign_in_on_page("cy", PASSWORD)).code == 403

    await until(lambda: mailbox.link(VERIFY))
    page = await cy.look(f"authz/verify?link={mailbox.link(VERIFY)}")
    page = await cy.send(page.forms[0])
    assert "have approved your account" in page.text
    assert (await cy.sign_in_on_page("cy", PASSWORD)).code == 403

    await be.live.write(people.set_state, "cy", people.ACTIVE)
    page = await cy.look(page.links["Sign in"].removeprefix(be.base_url))
    await cy.send(page.form(username=None), username="cy", password=PASSWORD)
    assert await cy.who() == "cy"
    assert "cy@example.org" in (await cy.look("authz/profile")).text

    page = await cy.do_on_profile("change_profile", name="Cyrus")
    assert "Your name is changed." in page.text
    assert page.form(do="change_profile").fields["name"] == "Cyrus"

    elsewhere = await signed_in(be, "cy")
    page = await cy.do_on_profile("change_password", password=PASSWORD, new_password=OTHER)
    assert "Your password is changed." in page.text
    assert [await cy.who(), await elsewhere.who()] == ["cy", None]

    page = await cy.do_on_profile(
        "make_token", name="script", days="7", permissions="read:contents\n\n write:contents \n"
    )
    token = re.search(r'id="token">([0-9a-f]{64})<', page.html)[1]
    assert await be(token).status("GET", "api/contents") == 200
    assert await be(token).status("GET", "api/me") == 403
    page = await cy.look("authz/profile")
    assert "read:contents write:contents" in page.text
    assert token not in page.html

    elsewhere = await signed_in(be, "cy", OTHER)
    page = await cy.do_on_profile("sign_out_everywhere")
    assert page.form(username=None)
    assert [await cy.who(), await elsewhere.who()] == [None, None]


async def test_a_password_is_set_by_a_link(be):
    """Asked for on one page and set on another, once."""
    page = await filled_in(be, "forgot", email="ann@example.org")
    assert page.code == 200
    await until(lambda: mailbox.link(RESET))
    visitor, address = Visitor(be), f"authz/reset?link={mailbox.link(RESET)}"
    page = await visitor.look(address)
    assert page.focused == ["password"]
    short = await visitor.send(page.forms[0], password="short")
    assert (short.code, short.focused) == (400, ["password"])
    # The link is still good.
    page = await visitor.send(short.forms[0], password=OTHER)
    assert "Your password is set." in page.text
    again = await visitor.look(address)
    page = await visitor.send(again.forms[0], password=PASSWORD)
    assert (page.code, page.alert) == (
        400,
        "This link has been used already, has expired, or is incomplete.",
    )
    await signed_in(be, password=OTHER)


async def test_another_address(be):
    """It is theirs when its link was followed."""
    ann = await signed_in(be)
    page = await ann.do_on_profile("change_email", email="ann@new.example", password=OTHER)
    assert (page.code, page.focused) == (403, ["password"])
    page = await ann.do_on_profile("change_email", email="ann@new.example", password=PASSWORD)
    assert "A link was sent" in page.text
    await until(lambda: mailbox.link(VERIFY))
    page = await ann.look(f"authz/verify?link={mailbox.link(VERIFY)}")
    page = await ann.send(page.forms[0])
    assert "Your address is confirmed." in page.text
    assert "ann@new.example" in (await ann.look("authz/profile")).text


async def test_who_is_blocked(be):
    """Is told so when they sign in, by a link, too; and sees their page no more."""
    ann = await signed_in(be)
    link = await be.live.write(secrets.make_link, "ann", secrets.SIGN_IN, seconds=60)
    await be.live.write(people.set_state, "ann", people.BLOCKED)
    assert (await ann.look("authz/profile")).code == 302
    page = await Visitor(be).sign_in_on_page("ann", PASSWORD)
    assert (page.code, "is blocked" in page.alert) == (403, True)
    page = await Visitor(be).look(f"authz/sign-in?link={link}")
    visitor = Visitor(be)
    page = await visitor.look(f"authz/sign-in?link={link}")
    assert (await visitor.send(page.forms[0])).code in {400, 403}
    assert await visitor.who() is None


# ---------------------------------------------------------------------- links


@pytest.mark.parametrize("place", ["reset", "verify", "sign-in"])
async def test_looking_at_a_link_does_not_use_it(be, place):
    """Whoever scans mails follows it as often as they like; only the button uses it."""
    purpose = {"reset": secrets.RESET, "verify": secrets.VERIFY, "sign-in": secrets.SIGN_IN}[place]
    link = await be.live.write(secrets.make_link, "ann", purpose, seconds=60)
    for method in ("GET", "HEAD", "GET"):
        headers = {"Sec-Fetch-Site": "cross-site"}
        reply = await Visitor(be).fetch(method, f"authz/{place}?link={link}", headers=headers)
        assert reply.code == 200
        assert reply.headers["Referrer-Policy"] == "strict-origin"
        assert reply.headers["Cache-Control"] == "no-store"
    visitor = Visitor(be)
    page = await visitor.look(f"authz/{place}?link={link}")
    fields = {"password": OTHER} if place == "reset" else {}
    origin = f"http://127.0.0.1:{be.client.port}"
    reply = await visitor.post(
        page.forms[0].action,
        urlencode({**page.forms[0].fields, **fields}),
        headers={"Origin": origin, "Host": f"127.0.0.1:{be.client.port}"},
    )
    assert reply.code == (302 if place == "sign-in" else 200)
    assert await visitor.who() == ("ann" if place == "sign-in" else None)


@pytest.mark.parametrize("place", ["reset", "verify", "sign-in"])
async def test_a_link_that_is_none(be, place):
    """A sentence says so, and there is no form where there is no link at all."""
    page = await Visitor(be).look(f"authz/{place}")
    assert (page.code, page.forms) == (400, [])
    assert page.alert.startswith("This link is incomplete.")
    page = await filled_in(be, f"{place}?link={SECRET}", **_of(place))
    assert page.code == 400
    assert page.alert.startswith("This link has been used already")


def _of(place):
    return {"password": OTHER} if place == "reset" else {}


async def test_links_lead_to_where_the_server_begins(jp_server_config, start):
    """And not below the page that is its first."""
    jp_server_config.ServerApp.default_url = "/lab"
    be = start()
    await filled_in(be, "forgot", email="ann@example.org")
    await until(lambda: mailbox.link(RESET))
    expected = rf"http://[^/\s]+{re.escape(be.base_url)}authz/reset\?link="
    assert re.search(expected, mailbox.MAILS[-1][2])


async def test_no_link_is_logged(be, caplog):
    """Whatever goes wrong with it."""
    caplog.set_level(logging.DEBUG)
    for place in ("reset", "verify", "sign-in"):
        address = f"authz/{place}?link={SECRET}"
        visitor = Visitor(be)
        page = await visitor.look(address)
        referer = {"Referer": f"http://127.0.0.1:{be.client.port}{be.base_url}{address}"}
        body = urlencode({**page.forms[0].fields, "password": "x"})
        reply = await visitor.post(page.forms[0].action, body, headers=referer)
        assert reply.code == 400
        assert (await visitor.fetch("PUT", address, "")).code in {403, 405}
    assert any("authz/reset" in record.getMessage() for record in caplog.records)
    assert SECRET not in caplog.text


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("more", "status", "field"),
    [
        ({"username": "ann"}, 409, "username"),
        ({"username": "root"}, 409, "username"),
        ({"username": "a/b"}, 400, "username"),
        ({"username": ""}, 400, "username"),
        ({"email": "nobody"}, 400, "email"),
        ({"password": "short"}, 400, "password"),
        ({"name": "x" * 300}, 400, "name"),
    ],
)
async def test_mistakes_in_a_registration(be, more, status, field):
    """The field says what is wrong with it; all is kept but the password."""
    page = await filled_in(be, "register", **{**NEW, **more})
    assert page.code == status
    assert re.match(r"[A-Z].*\.$", page.alert)
    (form,) = page.forms
    assert (form.invalid, page.focused) == ({field}, [field])
    assert "alert" in form.described[field]
    assert all(set(ids) <= page.ids for ids in form.described.values())
    kept = {key: form.fields[key] for key in ("username", "name", "email", "password")}
    assert kept == {**NEW, **more, "password": ""}
    assert "<title>Error: " in page.html


async def test_too_often(be):
    """The sentence stands above all, with the status of REST, and is what is read first."""
    for number in range(21):
        page = await filled_in(be, "register", **{**NEW, "username": "a/b", "name": str(number)})
    assert (page.code, page.focused) == (429, ["alert"])


@pytest.mark.parametrize(
    ("do", "fields", "status"),
    [
        ("change_profile", {"name": "x" * 300}, 400),
        ("change_password", {"password": OTHER, "new_password": OTHER}, 403),
        ("change_password", {"password": PASSWORD, "new_password": "x"}, 400),
        ("change_email", {"password": PASSWORD, "email": "x"}, 400),
        ("make_token", {"name": ""}, 400),
        ("make_token", {"name": "a", "days": "soon"}, 400),
        ("make_token", {"name": "a", "days": "0"}, 400),
        ("make_token", {"name": "a", "days": "9" * 5000}, 400),
        ("make_token", {"name": "a", "permissions": "read:nothing"}, 400),
        ("end_session", {"session_id": ""}, 404),
        ("end_session", {"session_id": "0" * 16}, 404),
    ],
)
async def test_mistakes_on_the_profile(be, do, fields, status):
    """The page is there still, with what was typed; passwords are not."""
    ann = await signed_in(be)
    page = await ann.do_on_profile(do, **fields)
    assert page.code == status
    assert re.match(r"[A-Z].*\.$", page.alert)
    assert len(page.forms) > 4
    form = page.form(do=do)
    assert all(set(ids) <= page.ids for one in page.forms for ids in one.described.values())
    for key, value in fields.items():
        if "password" in key:
            assert form.fields[key] == ""
        elif key != "session_id":
            assert form.fields[key] == value
    assert PASSWORD not in page.html
    assert OTHER not in page.html


async def test_the_store_is_lost(be, monkeypatch):
    """Every page says so, clearly, with 503."""
    ann = await signed_in(be)
    link = await be.live.write(secrets.make_link, "ann", secrets.SIGN_IN, seconds=60)
    profile = await ann.look("authz/profile")
    pages = {name: await Visitor(be).look(f"authz/{name}?link={link}") for name in PUBLIC}

    def lost(*_, **__):
        raise StoreLostError("gone")

    for name in ("reading", "writing"):
        monkeypatch.setattr(be.live.store, name, lost)
    fields = {"register": NEW, "forgot": {"email": "a@b"}, "reset": {"password": OTHER}}
    for name, before in pages.items():
        assert before.code == 200
        page = await filled_in(be, f"{name}?link={link}", **fields.get(name, {}))
        assert (page.code, page.headers["Retry-After"]) == (503, "30")
        assert "cannot be reached" in page.alert
    page = await ann.look("authz/profile")
    assert (page.code, page.forms) == (503, [])
    page = await ann.send(profile.form(do="change_profile"), name="Ann")
    assert page.code == 503
    page = await Visitor(be).sign_in_on_page("ann", PASSWORD)
    assert (page.code, "cannot be reached" in page.alert) == (503, True)


# ---------------------------------------------------------------------- what is offered to whom


async def test_what_is_not_offered_is_not_there(start):
    """Neither pages nor the links to them."""
    be = start(offers=[])
    assert not (await Visitor(be).look("login")).links.keys() & {
        "Register",
        "Forgot your password?",
    }
    for name in PUBLIC:
        assert await Visitor(be).status("GET", f"authz/{name}?link={SECRET}") == 404
    assert await (await signed_in(be)).status("GET", "authz/profile") == 404


async def test_what_is_offered_on_the_profile(start):
    """Only that; of what is not there, there is no form to be had either."""
    be = start(offers=["login", "profile"])
    ann = await signed_in(be)
    page = await ann.look("authz/profile")
    assert {form.fields["do"] for form in page.forms} == {"change_profile", "end_session"}
    for name, form in OWN.items():
        if form.offer not in {"", "profile"}:
            body = urlencode({"_xsrf": page.forms[0].fields["_xsrf"], "do": name})
            assert (await ann.post(page.forms[0].action, body)).code == 404


async def test_accounts_of_the_configuration(be):
    """Change nothing but sessions and tokens."""
    root = await signed_in(be, "root")
    page = await root.look("authz/profile")
    offered = {form.fields["do"] for form in page.forms}
    assert offered == {"end_session", "sign_out_everywhere", "make_token"}
    page = await root.do_on_profile("make_token", name="script")
    assert 'id="token"' in page.html


async def test_sessions_and_tokens_are_ended(be):
    """One's own, one by one; that of this browser leads to signing in."""
    ann, phone, bob = await signed_in(be), await signed_in(be), await signed_in(be, "bob")
    page = await ann.do_on_profile("make_token", name="script")
    token_id = page.form(do="end_token").fields["token_id"]
    page = await bob.look("authz/profile")
    theirs = page.form(do="end_session")
    theirs.fields |= {"do": "end_token", "token_id": token_id}
    assert (await bob.send(theirs)).code == 404
    page = await ann.look("authz/profile")
    page = await ann.send(page.form(do="end_token"))
    assert "The token is deleted." in page.text
    sessions = await ann.json("GET", "api/authz/sessions")
    by_current = {one["is_current"]: one["id"] for one in sessions}
    page = await ann.send(page.form(do="end_session", session_id=by_current[False]))
    assert [await ann.who(), await phone.who(), await bob.who()] == ["ann", None, "bob"]
    page = await ann.send(page.form(do="end_session", session_id=by_current[True]))
    assert page.form(username=None)
    assert not [name for name in ann.cookies if name.startswith("username-")]
    assert await ann.who() is None


async def test_nobody_else_sees_a_profile(start):
    """Who is not signed in is led to do so, guests too; a token sees and changes nothing."""
    be = start(guests=True)
    ann = await signed_in(be)
    token = (await ann.json("POST", "api/authz/tokens", {"name": "script"}))["token"]
    form = (await ann.look("authz/profile")).form(do="change_profile")
    reply = await Visitor(be).fetch("GET", "authz/profile", headers={"Accept": "text/html"})
    assert reply.code in {302, 403}
    script = Visitor(be)
    script.headers["Authorization"] = f"token {token}"
    page = await script.look("authz/profile")
    assert (page.code, page.forms) == (403, [])
    page = Page(await script.post(form.action, urlencode({"do": "change_profile", "name": "X"})))
    assert (page.code, page.forms) == (403, [])
    assert be.live.person("ann").name == "ann"


async def test_whoever_is_not_signed_in_comes_back_to_the_profile(be):
    """By way of the page to sign in."""
    reply = await Visitor(be).fetch("GET", "authz/profile", headers={"Accept": "text/html"})
    assert reply.code == 302
    assert reply.headers["Location"].startswith(f"{be.base_url}login?next=")
    assert quote(f"{be.base_url}authz/profile", safe="") in reply.headers["Location"]


# ---------------------------------------------------------------------- known mistakes


async def test_without_the_token_of_the_form(be):
    """Nothing is done, whoever asks, also with a token of an account."""
    ann = await signed_in(be)
    token = (await ann.json("POST", "api/authz/tokens", {"name": "script"}))["token"]
    link = await be.live.write(secrets.make_link, "bob", secrets.SIGN_IN, seconds=60)
    for name in PUBLIC:
        for visitor in (Visitor(be), ann):
            await visitor.look("login")
            for headers in ({}, {"Authorization": f"token {token}"}):
                for more in ({}, {"_xsrf": "2|0|0|0"}):
                    body = urlencode({**NEW, "link": link, **more})
                    reply = await visitor.post(f"{be.base_url}authz/{name}", body, headers=headers)
                    assert reply.code == 403
    for do in OWN:
        body = urlencode({**NEW, "do": do, "new_password": OTHER})
        assert (await ann.post(f"{be.base_url}authz/profile", body)).code == 403
    assert await ann.who() == "ann"
    assert "cy" not in be.live.snapshot.people


async def test_pages_of_other_sites(be):
    """What their forms send is refused by the origin, also with the token of the form."""
    visitor = Visitor(be)
    page = await visitor.look("authz/register")
    body = urlencode({**page.forms[0].fields, **NEW})
    for origin in ("https://evil.example", "null"):
        reply = await visitor.post(page.forms[0].action, body, headers={"Origin": origin})
        assert reply.code in {403, 404}
    assert "cy" not in be.live.snapshot.people


@pytest.mark.parametrize(
    "target",
    [
        r"/\evil.com",
        "////evil.com",
        "//evil.com",
        "http:evil",
        "http:///evil.com",
        "https://evil.com/",
        "javascript:alert(1)",
        "/\t/evil.com",
        "\\\\evil.com",
        " //evil.com",
    ],
)
async def test_no_open_redirect(be, target):
    """A link leads on to this server, whatever it says."""
    link = await be.live.write(secrets.make_link, "ann", secrets.SIGN_IN, seconds=60)
    visitor = Visitor(be)
    page = await visitor.look(f"authz/sign-in?{urlencode({'link': link, 'next': target})}")
    assert page.code == 200
    for address in [page.forms[0].action, *page.links.values()]:
        assert address.startswith(be.base_url)
    reply = await visitor.post(page.forms[0].action, urlencode(page.forms[0].fields))
    assert reply.code == 302
    assert re.match(rf"{re.escape(be.base_url)}(?![/\\])", reply.headers["Location"])
    for name in ("register", "forgot"):
        page = await visitor.look(f"authz/{name}?{urlencode({'next': target})}")
        assert all(address.startswith(be.base_url) for address in page.links.values())


async def test_a_line_break_is_no_place_to_go(be):
    """Of a link that somebody made up: it is left out, and no header is."""
    link = await be.live.write(secrets.make_link, "ann", secrets.SIGN_IN, seconds=60)
    there = urlencode({"next": f"{be.base_url}a\r\nSet-Cookie: b"})
    visitor = Visitor(be)
    signing_in = (await visitor.look(f"login?{there}")).form(username=None)
    signing_in.fields |= {"username": "ann", "password": PASSWORD}
    using = (await visitor.look(f"authz/sign-in?link={link}&{there}")).forms[0]
    for form in (signing_in, using):
        reply = await visitor.post(form.action, urlencode(form.fields))
        assert reply.code == 302
        assert reply.headers["Location"].startswith(f"{be.base_url}aSet-Cookie:")


async def test_where_one_wanted_to_go(be):
    """Is where one comes to, by way of all pages between."""
    there = f"{be.base_url}tree/a b"
    visitor = Visitor(be)
    page = await visitor.look(f"login?{urlencode({'next': there})}")
    page = await visitor.look(page.links["Forgot your password?"].removeprefix(be.base_url))
    page = await visitor.send(page.forms[0], email="ann@example.org")
    page = await visitor.look(page.links["Sign in"].removeprefix(be.base_url))
    body = urlencode({**page.form(username=None).fields, "username": "ann", "password": PASSWORD})
    reply = await visitor.post(page.form(username=None).action, body)
    assert reply.headers["Location"] in {there, there.replace(" ", "%20")}


async def test_nothing_that_was_typed_is_run(be):
    """Names, agents, tokens and mistakes are text wherever they are shown."""
    for key in ("username", "name", "email"):
        page = await filled_in(be, "register", **{**NEW, "password": "x", key: INJECTED})
        assert page.code == 400
        assert (page.scripts, "<img src=x" in page.html) == (0, False)
        assert page.forms[0].fields[key] == INJECTED
    await be.live.write(secrets.begin_session, "ann", address="<b>", agent=INJECTED)
    ann = await signed_in(be)
    await ann.do_on_profile("change_profile", name=INJECTED)
    made = await ann.do_on_profile("make_token", name=INJECTED)
    mistaken = await ann.do_on_profile("make_token", name="b", permissions=INJECTED)
    for page in (made, mistaken):
        assert (page.scripts, "<img src=x" in page.html, "<b>" in page.html) == (0, False, False)
        assert INJECTED in page.text
    for name in (f"authz/register?next={quote(INJECTED)}", f"authz/verify?link={quote(INJECTED)}"):
        page = await Visitor(be).look(name)
        assert (page.scripts, "<img src=x" in page.html) == (0, False)


async def test_no_page_tells_whose_an_address_is(be):
    """Nor does their time or status: whoever has an account gets a mail."""

    def seen(page):
        shown = re.sub(r'name="_xsrf" value="[^"]*"', "", page.html)
        return page.code, re.sub(r"(dora|ann|none)(@example.org)?", "", shown)

    taken = await filled_in(
        be, "register", **{**NEW, "username": "dora", "email": "ann@example.org"}
    )
    free = await filled_in(
        be, "register", **{**NEW, "username": "none", "email": "none@example.org"}
    )
    assert seen(taken) == seen(free)
    known = await filled_in(be, "forgot", email="ann@example.org")
    unknown = await filled_in(be, "forgot", email="none@example.org")
    assert seen(known) == seen(unknown)
    ann = await signed_in(be)
    sent = [
        await ann.do_on_profile("change_email", email=email, password=PASSWORD)
        for email in ("bob@example.org", "nobody@example.org")
    ]
    assert seen(sent[0]) == seen(sent[1])


async def test_every_page_is_one_that_can_be_read(be):
    """A title, labels, one field to begin with, nothing that runs or comes from elsewhere."""
    ann = await signed_in(be)
    pages = [await Visitor(be).look(f"authz/{name}?link={SECRET}") for name in PUBLIC]
    pages += [await filled_in(be, name, email="x") for name in ("forgot", "register")]
    pages.append(await ann.look("authz/profile"))
    pages.append(await ann.do_on_profile("make_token", name="a", days="x"))
    for page in pages:
        assert page.code < 500
        assert page.html.count("<h1>") == 1
        assert len(page.focused) <= 1
        assert page.scripts == 0
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.html)
        found = re.findall(r'\bid="([^"]+)"', page.html)
        assert len(found) == len(set(found))
        labels = set(re.findall(r'<label for="([^"]+)"', page.html))
        named = set(
            re.findall(r'<(?:input type="(?:text|password)"|textarea)[^>]* id="([^"]+)"', page.html)
        )
        assert named == labels
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in policy
        assert "script-src 'none'" in policy


async def test_what_nobody_sends(be):
    """Is refused, and breaks nothing."""
    ann = await signed_in(be)
    xsrf = (await ann.look("authz/profile")).forms[0].fields["_xsrf"]
    address = f"{be.base_url}authz/profile"
    for body in ({"do": ""}, {"do": "__init__"}, {"do": "make_token"}, {}):
        assert (await ann.post(address, urlencode({"_xsrf": xsrf, **body}))).code == 400
    for more in ("do=%ff", "do=make_token&name=%ff"):
        assert (await ann.post(address, f"_xsrf={quote(xsrf)}&{more}")).code == 400
    assert await ann.status("GET", "authz/profile?done=nothing") == 200
    assert await ann.status("GET", "authz/nothing") == 404
    for name in PUBLIC:
        assert await ann.status("DELETE", f"authz/{name}") in {403, 405}
        reply = await ann.post(f"{be.base_url}authz/{name}", f"_xsrf={quote(xsrf)}")
        assert reply.code == 400, name


async def test_without_accounts(serve, jp_server_config):
    """The page to sign in is as it was."""
    jp_server_config.ServerApp.identity_provider_class = AccountsIdentityProvider
    jp_server_config.AccountsIdentityProvider.users = {"root": {"hashed_password": HASHED}}
    be = serve(roles=[allowing("*")])
    assert "authz/" not in (await Visitor(be).look("login")).links.values()
    assert await (await signed_in(be, "root")).status("GET", "authz/profile") == 404


async def test_people_who_sign_in_in_another_way(serve, jp_server_config, tmp_path):
    """Have no pages of accounts."""
    settings = jp_server_config.Accounts
    settings.enabled = True
    settings.url = f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
    be = serve(roles=[allowing("*")])
    for place in (*PUBLIC, "profile"):
        assert await be("ann").status("GET", f"authz/{place}?link={SECRET}") == 404
    # Nor does REST know of sessions that are kept elsewhere.
    assert (await be("ann").json("GET", "api/authz/profile"))["username"] == "ann"
    for path in ("sessions", f"tokens/{'0' * 16}"):
        assert await be("ann").status("DELETE", f"api/authz/{path}") == 403
    await be.web_app.settings[SERVICE].live.stop()


def test_what_browsers_are_called():
    """By what people call them; of what nobody knows, what it says."""
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"
    assert browser_of(chrome) == "Chrome on Linux"
    assert browser_of(f"{chrome} Edg/120") == "Edge on Linux"
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17 like Mac OS X) Version/17 Safari/604.1"
    assert browser_of(phone) == "Safari on iPhone"
    assert browser_of("x" * 200) == "x" * 60
    assert browser_of("") == "A browser"
