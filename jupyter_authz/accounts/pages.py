"""The pages of accounts: register, set a password, confirm an address, sign in, one's own profile.

Beside `rest`, which offers the same to programs: the guard has let the request in, or it is public.
What the forms are stands in `forms`. The pages need no JavaScript.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, RequestHandler, authenticated

from jupyter_authz.accounts.administrators import rights_of
from jupyter_authz.accounts.forms import LINK, NEXT, OWN, PUBLIC, Form, browser_of, mistaken
from jupyter_authz.accounts.page import Page
from jupyter_authz.accounts.possessions import require_browser
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.model import GUEST

if TYPE_CHECKING:
    from collections.abc import Mapping


# Which pages lead to which, where they are offered.
_PLACES = ("register", "forgot")
_MOST_DIGITS = 9
_LONGEST_QUOTE = 40


def shown_time(seconds: int | None) -> str:
    """Give a time for a person."""
    if seconds is None:
        return "never"
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M} UTC"


class PublicPage(Page):
    """One of `forms.PUBLIC`, for who is not signed in."""

    def check_xsrf_cookie(self) -> None:
        """Require the form's XSRF token even of a request that carries a token of an account."""
        # INVARIANT: tests/accounts/test_pages.py::test_without_the_token_of_the_form
        super().check_xsrf_cookie()
        is_known = hasattr(self, "_jupyter_current_user")
        if is_known and self.token_authenticated and not self.settings.get("disable_check_xsrf"):
            RequestHandler.check_xsrf_cookie(self)

    @allow_unauthenticated
    async def head(self, name: str) -> None:
        """Answer as for GET; tornado leaves the body out."""
        await self.get(name)

    @allow_unauthenticated
    async def get(self, name: str) -> None:
        """Show the form, and do nothing: programs that read mails follow links, too."""
        # INVARIANT: tests/accounts/test_pages.py::test_looking_at_a_link_does_not_use_it
        form = PUBLIC[name]
        self.require_offered(form.offer)
        link = self.get_query_argument(LINK.name, "")
        error = _require_link(form, link)
        self._show(name, {LINK.name: link}, error)

    @allow_unauthenticated
    async def post(self, name: str) -> None:
        """Do it."""
        form = PUBLIC[name]
        self.require_offered(form.offer)
        given = self.given(form)
        try:
            if error := _require_link(form, given.get(LINK.name, "")):
                raise error
            await self._do(name, form, given)
        except (RefusedError, StoreLostError) as error:
            self._show(name, given, error)

    async def _do(self, name: str, form: Form, given: dict[str, Any]) -> None:
        more = {"address": self.request.remote_ip or ""} if form.takes_address else {}
        state = await getattr(self.service, form.method)(**given, **more)
        self._show(name, {}, done=f"{form.done} {NEXT.get(state, '')}".strip())

    def _show(
        self,
        name: str,
        kept: Mapping[str, str],
        error: RefusedError | StoreLostError | None = None,
        done: str = "",
    ) -> None:
        form = PUBLIC[name]
        self.show(
            "form",
            form=form,
            action=self.link("authz", name),
            kept=kept,
            alert=self.told(error) if error is not None else "",
            wrong=mistaken(form, getattr(error, "reason", "")),
            done=done,
            places={
                one: PUBLIC[one].title
                for one in _PLACES
                if one != name and self.is_offered(PUBLIC[one].offer)
            },
        )


class SignInPage(PublicPage):
    """Signs in by a link that is good for once."""

    async def _do(self, name: str, form: Form, given: dict[str, Any]) -> None:
        del name
        user = await getattr(self.service, form.method)(**given)
        await self.provider.begin_session(self, user)
        self.log.info("jupyter_authz: %r signed in from %s", user.username, self.request.remote_ip)
        # INVARIANT: only to this server. tests/accounts/test_pages.py::test_no_open_redirect
        there = "".join(filter(str.isprintable, self.get_query_argument("next", "")))
        cast("Any", LoginFormHandler)._redirect_safe(  # noqa: SLF001 - Jupyter's rule
            self, there or self.base_url
        )


class ProfilePage(Page):
    """What is known of whoever is signed in, their sessions and tokens; they change it here."""

    @authenticated
    async def get(self) -> None:
        """Show it."""
        self.require_offered("profile")
        if getattr(self.current_user, "kind", None) == GUEST:
            self.redirect(self.link("login", next=self.link("authz", "profile")))
            return
        form = OWN.get(self.get_query_argument("done", ""))
        await self._show(done=form.done if form is not None else "")

    @authenticated
    async def post(self) -> None:
        """Do one of `forms.OWN`, and come back."""
        self.require_offered("profile")
        name = self.get_body_argument("do", "")
        if name not in OWN:
            raise HTTPError(400, "Unknown form")
        self.require_offered(OWN[name].offer)
        given = self.given(OWN[name])
        try:
            made = await self._do(name, given)
        except (RefusedError, StoreLostError) as error:
            await self._show(error, name, given)
            return
        if name == "make_token":
            await self._show(done=OWN[name].done, token=made)
        elif self.provider.stored is not None and not self._is_signed_in_still(name):
            self.provider.clear_login_cookie(self)
            self.redirect(url_path_join(self.base_url, "login"), status=303)
        else:
            # Another page, so that nothing is done twice when it is loaded again.
            self.redirect(self.link("authz", "profile", done=name), status=303)

    async def _do(self, name: str, given: dict[str, Any]) -> Any:
        require_browser(self.current_user)
        form, user = OWN[name], self.current_user
        more = {"address": self.request.remote_ip or ""} if form.takes_address else {}
        if name == "make_token":
            given = {**given, **_limits(given)}
        done = await getattr(self.service, form.method)(user, **given, **form.fixed, **more)
        if name == "change_password":
            await self.provider.begin_session(self, user)
        return done

    def _is_signed_in_still(self, name: str) -> bool:
        digest = getattr(self.current_user, "digest", None)
        return name == "change_password" or digest in self.service.live.snapshot.sessions

    async def _show(
        self,
        error: RefusedError | StoreLostError | None = None,
        tried: str = "",
        kept: Mapping[str, str] | None = None,
        **shown: Any,
    ) -> None:
        user = self.current_user
        try:
            require_browser(self.current_user)
            sessions, tokens = await asyncio.gather(
                self.service.sessions(user), self.service.tokens(user)
            )
            known = {
                "profile": self.service.profile(user),
                "sessions": sessions,
                "tokens": tokens,
            }
        except (RefusedError, StoreLostError) as found:
            error, known = error or found, {}
        reason = getattr(error, "reason", "")
        self.show(
            "profile",
            user=user.display_name or user.username,
            forms=OWN,
            action=url_path_join(self.base_url, "authz", "profile"),
            tried=tried,
            kept=kept or {},
            alert=self.told(error) if error is not None else "",
            wrong=mistaken(OWN[tried], reason) if tried else "",
            shown_time=shown_time,
            browser_of=browser_of,
            administers=rights_of(self.service.guard.policy, user).is_any,
            **known,
            **shown,
        )


def _require_link(form: Form, link: str) -> RefusedError | None:
    if form.takes_link and not link:
        return RefusedError(
            "bad-link", "This link is incomplete. Please copy all of it from the mail."
        )
    return None


def _limits(given: Mapping[str, str]) -> dict[str, Any]:
    """Read the days and the permissions of a token.

    Raises
    ------
    RefusedError
        The days are no number.
    """
    days, lines = given["days"], given["permissions"].splitlines()
    if days and not (days.isascii() and days.isdigit() and len(days) <= _MOST_DIGITS):
        raise RefusedError("bad-time", f"Expected a number of days, got {days[:_LONGEST_QUOTE]!r}.")
    permissions = [line.strip() for line in lines if line.strip()]
    return {"days": int(days) if days else None, "permissions": permissions or None}


ROUTES: tuple[tuple[str, type[Page]], ...] = (
    (rf"authz/({'|'.join(name for name in PUBLIC if name != 'sign-in')})", PublicPage),
    (r"authz/(sign-in)", SignInPage),
    (r"authz/profile", ProfilePage),
)
