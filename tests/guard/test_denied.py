"""The page for those who are not let in: the default one, and one of the operator's."""

from __future__ import annotations

import json
import re

import pytest
from people import allowing

from jupyter_authz.errors import ConfigurationError
from jupyter_authz.guard.denied import read_template

PAGE = {"Accept": "text/html"}
TEMPLATE = """<title>{{ title }}</title>
{{ error_type }}|{{ error }}|{{ error_msg }}|{{ user }}|{{ action }}|{{ resource }}|{{ path }}|
{{ decision }}|{{ sign_out }}|{{ ask_for_access }}|{{ status }}
"""
ROLES = [allowing("read:contents!path=open/**")]


@pytest.fixture
def template(tmp_path):
    """Give the file of a template."""
    return tmp_path / "denied.html"


async def test_all_that_a_template_is_given(serve, template):
    """What was denied to whom, and where to go from there; what is given is escaped."""
    template.write_text(TEMPLATE)
    be = serve(
        roles=ROLES,
        denied_template=str(template),
        ask_for_access="mailto:lab@example.org?subject=a&body=b",
    )
    reply = await be("<ann>").fetch("GET", "files/closed/<b>.txt", headers=PAGE)
    assert reply.code == 403
    text = reply.body.decode()
    assert "<title>Not allowed</title>" in text
    parts = re.sub(r"\s*\n\s*", "", text.partition("</title>")[2]).split("|")
    decision = parts.pop(7)
    assert re.fullmatch(r"[0-9a-f]{12}", decision)
    assert parts == [
        "no-role",
        "Not allowed",
        "You may not see this file or folder. Ask those who run this server if you should.",
        "&lt;ann&gt;",
        "read",
        "contents",
        "closed/&lt;b&gt;.txt",
        f"{be.base_url}logout",
        "mailto:lab@example.org?subject=a&amp;body=b",
        "403",
    ]
    # Programs get what they can read.
    reply = await be("ann").fetch("GET", "files/closed/b.txt")
    assert json.loads(reply.body)["reason"] == "no-role"


async def test_one_that_extends_the_default(serve, template):
    """Blocks of the default page can be replaced one by one."""
    template.write_text(
        '{% extends "authz/denied.html" %}{% block title %}Members only{% endblock %}'
    )
    be = serve(roles=ROLES, denied_template=str(template))
    text = (await be("ann").fetch("GET", "files/b.txt", headers=PAGE)).body.decode()
    assert "<h1>Members only</h1>" in text
    assert "You are signed in as ann." in text


async def test_what_beside_it_is_included(serve, template):
    """A template may be made of several files."""
    template.write_text('{% include "more.html" %}')
    (template.parent / "more.html").write_text("more for {{ user }}")
    be = serve(roles=ROLES, denied_template=str(template))
    text = (await be("ann").fetch("GET", "files/b.txt", headers=PAGE)).body.decode()
    assert text == "more for ann"


async def test_what_is_ours_stays_ours(serve, template):
    """What people may write beside the template does not come in place of this package's."""
    template.write_text('{% extends "authz/base.html" %}{% block title %}Ours{% endblock %}')
    (template.parent / "authz").mkdir()
    (template.parent / "authz" / "base.html").write_text("theirs")
    be = serve(roles=ROLES, denied_template=str(template))
    text = (await be("ann").fetch("GET", "files/b.txt", headers=PAGE)).body.decode()
    assert ("<h1>Ours</h1>" in text, "theirs" in text) == (True, False)


async def test_what_a_callback_denies(serve, template):
    """It is named as far as the request itself tells, and so is where to ask."""
    template.write_text(TEMPLATE)
    be = serve(
        authorize_callback=lambda user_info: False,
        denied_template=str(template),
        ask_for_access="/view/ask.html",
    )
    reply = await be("ann").fetch("GET", "files/closed/b.txt", headers=PAGE)
    parts = re.sub(r"\s*\n\s*", "", reply.body.decode().partition("</title>")[2]).split("|")
    assert [parts[0], *parts[4:7]] == ["callback", "read", "contents", "closed/b.txt"]
    assert parts[2].startswith("You may not see this file or folder.")
    assert parts[9] == f"{be.base_url}view/ask.html"


async def test_no_way_back_to_the_same_page(serve):
    """Whoever is not let in at the root is not led there again."""
    be = serve(authorize_callback=lambda user_info: False)
    assert b">Home<" not in (await be("ann").fetch("GET", "", headers=PAGE)).body
    assert b">Home<" in (await be("ann").fetch("GET", "files/a", headers=PAGE)).body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% include 'more.html' %}", "more.html, line 2: .*expected a Jinja2 template"),
        ("{% include user %}", "denied.html: expected the names .* written out"),
        ("{% extends 'nosuch.html' %}", "denied.html: there is no 'nosuch.html' beside it"),
    ],
)
def test_what_it_includes_is_read_at_the_start(template, text, expected):
    """What is wrong with it is told then."""
    template.write_text(text)
    (template.parent / "more.html").write_text("\n{% if %}")
    with pytest.raises(ConfigurationError, match=expected):
        read_template(str(template))


async def test_a_template_that_fails(serve, template, caplog):
    """The default page is shown, and the log tells."""
    template.write_text("{{ user.nothing.at_all }}")
    be = serve(roles=ROLES, denied_template=str(template))
    reply = await be("ann").fetch("GET", "files/b.txt", headers=PAGE)
    assert (reply.code, b"<h1>Not allowed</h1>" in reply.body) == (403, True)
    assert "c.JupyterAuthz.denied_template: cannot be shown" in caplog.text


async def test_the_default_page(serve):
    """Leads home, out, and to where access is asked for, where there is such a place."""
    be = serve(roles=ROLES, ask_for_access="https://lab.example.org/access")
    text = (await be("ann").fetch("GET", "files/b.txt", headers=PAGE)).body.decode()
    links = re.findall(r'<a class="button" href="([^"]*)">([^<]*)</a>', text)
    assert links == [
        (be.base_url, "Home"),
        ("https://lab.example.org/access", "Ask for access"),
        (f"{be.base_url}logout", "Sign out"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "there is no file"),
        ("{% if %}", "denied.html, line 1"),
        ("a\n{{ }", "denied.html, line 2"),
    ],
)
def test_what_is_no_template_stops_the_server(serve, template, text, expected):
    """At the start, with the file, the line and what was expected."""
    if text is not None:
        template.write_text(text)
    with pytest.raises(SystemExit):
        serve(roles=ROLES, denied_template=str(template))
    with pytest.raises(ConfigurationError, match=expected) as error:
        read_template(str(template))
    assert str(error.value).startswith("c.JupyterAuthz.denied_template: ")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "//other", "/\\other", "lab@x.org"])
def test_what_is_no_address_stops_the_server(serve, address):
    """An address that leads nowhere, or runs something."""
    with pytest.raises(SystemExit):
        serve(roles=ROLES, ask_for_access=address)


async def test_nobody_changes_the_template(serve, jp_root_dir):
    """What is in it runs in the server, so that it is closed, also where roles allow all."""
    (jp_root_dir / "denied.html").write_text("{{ title }}")
    be = serve(roles=[allowing("*")], denied_template=str(jp_root_dir / "denied.html"))
    body = {"type": "file", "format": "text", "content": "{{ 1 }}"}
    assert await be("ann").status("PUT", "api/contents/denied.html", body) == 403
    assert await be("ann").status("GET", "api/contents/denied.html") == 403
