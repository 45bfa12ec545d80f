"""Visitors for tests: they look at pages, fill in forms and send them, without JavaScript."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

from accounts.browsers import Browser

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Form:
    """A form of a page."""

    action: str
    fields: dict = field(default_factory=dict)
    # What describes each field, and what is wrong about it.
    described: dict = field(default_factory=dict)
    invalid: set = field(default_factory=set)


class Page(HTMLParser):
    """A page as somebody sees it."""

    def __init__(self, reply):
        super().__init__()
        self.code, self.headers = reply.code, reply.headers
        self.html = reply.body.decode()
        self.forms, self.links, self.alert, self.focused = [], {}, "", []
        self.text, self.ids, self.scripts = "", set(), 0
        self._inside, self._typed, self._followed = [], None, None
        self.feed(self.html)

    def handle_starttag(self, tag, pairs):
        """Note forms, fields and links."""
        given = dict(pairs)
        self.ids.add(given.get("id"))
        self.scripts += tag == "script"
        if "autofocus" in given:
            self.focused.append(given.get("name") or given.get("id") or tag)
        if given.get("role") == "alert":
            self._inside.append(tag)
        if tag == "a" and not given["href"].startswith("#"):
            self._followed = given["href"]
        if tag == "form":
            self.forms.append(Form(given["action"]))
        if tag in {"input", "textarea"}:
            form, name = self.forms[-1], given["name"]
            form.fields[name] = given.get("value", "")
            form.described[name] = given.get("aria-describedby", "").split()
            form.invalid |= {name} if "aria-invalid" in given else set()
            self._typed = name if tag == "textarea" else None

    def handle_endtag(self, tag):
        """Note where an alert ends."""
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()
        if tag == "textarea":
            self._typed = None
        if tag == "a":
            self._followed = None

    def handle_data(self, data):
        """Note what is said."""
        self.text += data
        if self._inside:
            self.alert += data
        if self._typed is not None:
            # The first line break only says where the text begins.
            self.forms[-1].fields[self._typed] += data.removeprefix("\n")
        if self._followed is not None:
            self.links[data.strip()] = self._followed

    def form(self, **fields):
        """Give the form that has some fields, of some values where they are not None."""
        return next(
            one
            for one in self.forms
            if all(
                key in one.fields and value in {None, one.fields[key]}
                for key, value in fields.items()
            )
        )


class Visitor(Browser):
    """Somebody who looks at pages."""

    def __init__(self, be):
        super().__init__(be)
        self._base = be.base_url

    async def look(self, path, **kwargs):
        """Give a page."""
        return Page(await self.fetch("GET", path, **kwargs))

    async def send(self, form, **fields):
        """Send a form with what is typed into it, and follow where that leads."""
        unknown = set(fields) - set(form.fields)
        assert not unknown
        body = urlencode({**form.fields, **fields})
        reply = await self.post(form.action, body)
        while reply.code in {302, 303}:
            reply = await self.fetch("GET", self._below(reply.headers["Location"]))
        return Page(reply)

    async def post(self, address, body, **kwargs):
        """Send what a form would, and nothing besides."""
        headers = {**_FORM, "X-XSRFToken": "", **kwargs.pop("headers", {})}
        return await self.fetch("POST", self._below(address), body, headers=headers, **kwargs)

    async def sign_in_on_page(self, username, password):
        """Sign in on Jupyter's page, and give the page that it leads to."""
        page = await self.look("login")
        return await self.send(page.form(username=None), username=username, password=password)

    async def do_on_profile(self, do, /, **fields):
        """Do something on one's own page, and give what is shown then."""
        page = await self.look("authz/profile")
        assert page.code == 200
        return await self.send(page.form(do=do), **fields)

    def _below(self, address):
        assert address.startswith(self._base), address
        return address.removeprefix(self._base)
