"""Accounts over REST, below `/api/authz/`: one handler for each kind of request.

Beside the other handlers of the server: the guard has let the request in, or it is public.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from jupyter_authz.accounts.actions import ACTIONS, told
from jupyter_authz.accounts.service import body_of
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.identity.login import LOST, Refusal
from jupyter_authz.identity.stored import SERVICE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from jupyter_authz.accounts.service import Service
    from jupyter_authz.identity import AccountsIdentityProvider


# What a refused sign-in is called, with its status.
_SIGN_IN = "sign-in-"
# Of what was refused, where it is not simply a bad request.
STATUSES: Mapping[str, int] = {
    "name-taken": 409,
    "too-many-tokens": 409,
    "too-often": 429,
    "busy": 503,
    "wrong-password": 403,
    "not-by-token": 403,
    "not-active": 403,
    "signed-out": 403,
    "configured": 403,
    "not-offered": 404,
    "no-user": 404,
    "no-token": 404,
    "no-session": 404,
    "no-policy": 409,
}


def status_of(error: RefusedError) -> int:
    """Give the HTTP status of something that was refused."""
    if error.reason.startswith(_SIGN_IN):
        return int(error.reason.removeprefix(_SIGN_IN))
    return STATUSES.get(error.reason, 400)


class AccountHandler(APIHandler):
    """What the handlers of accounts have in common: bodies, answers and errors."""

    @property
    def service(self) -> Service:
        """What people do with accounts on this server."""
        service: Service = self.settings[SERVICE]
        return service

    @property
    def provider(self) -> AccountsIdentityProvider:
        """The identity provider, where people sign in with accounts."""
        provider = self.service.provider
        if provider is None:
            raise RefusedError(
                "not-offered", "People sign in to this server in another way than with accounts."
            )
        return provider

    def said(self) -> dict[str, Any]:
        """Give the JSON body.

        Raises
        ------
        RefusedError
            It is no object.
        """
        try:
            body = json.loads(self.request.body.decode() or "{}")
        except (RecursionError, ValueError):
            body = None
        if not isinstance(body, dict):
            raise RefusedError("bad-request", "Expected a JSON object as body of the request.")
        return body

    def require_offered(self, offer: str) -> None:
        """Require that something is offered here.

        Raises
        ------
        RefusedError
            It is not.
        """
        # Where people sign in in another way, nothing else is good for anything.
        is_of_use = self.service.provider is not None or offer == "profile"
        if not is_of_use or not self.service.settings.may(offer):
            raise RefusedError("not-offered", "This server does not offer that.")

    async def answered(self, doing: Awaitable[Any], status: int = 200) -> None:
        """Answer with what was done, or with why it was not."""
        try:
            done = await doing
        except RefusedError as error:
            self.refuse(status_of(error), str(error), error.reason)
        except StoreLostError as error:
            self.log.error("jupyter_authz | %s", error)  # noqa: TRY400 - it says all there is
            self.refuse(503, LOST.message, "store-lost")
        else:
            self.set_header("Cache-Control", "no-store")
            if done is None:
                self.set_status(204)
                self.finish()
            else:
                self.set_status(status)
                self.finish(json.dumps(done))

    def refuse(self, status: int, message: str, reason: str) -> None:
        """Answer that something was not done."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps({"message": message, "reason": reason, "decision": ""}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error in the form of all answers of this package."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = (error.log_message if isinstance(error, HTTPError) else None) or self._reason
        self.refuse(status_code, message, "bad-request" if status_code < 500 else "error")  # noqa: PLR2004


class PublicHandler(AccountHandler):
    """What is for people who are not signed in.

    There is no cookie yet whose token could be asked for: what browsers send from pages of other
    sites is told from the rest by its type, which needs their consent, and by their own word.
    """

    def check_xsrf_cookie(self) -> None:
        """Refuse what a page of another site can send.

        Raises
        ------
        HTTPError
            415 or 403.
        """
        # INVARIANT: tests/accounts/test_rest.py::test_other_sites
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPError(415, "Expected application/json as Content-Type")
        site = self.request.headers.get("Sec-Fetch-Site", "")
        if site not in {"", "same-origin", "none"} and not self.allow_origin:
            raise HTTPError(403, "A page of another site asked for it")


class PublicAction(PublicHandler):
    """One of `ACTIONS` for who is not signed in."""

    @allow_unauthenticated
    async def post(self, name: str) -> None:
        """Do it."""
        await self.answered(self._done(name))

    async def _done(self, name: str) -> dict[str, Any]:
        action = ACTIONS[name]
        self.require_offered(action.offer)
        given = body_of(self.said(), action.fields)
        if action.takes_address:
            given["address"] = self.request.remote_ip or ""
        return told(await getattr(self.service, action.method)(**given))


class OwnAction(AccountHandler):
    """One of `ACTIONS` for who is signed in."""

    @authenticated
    async def post(self, name: str) -> None:
        """Do it."""
        await self.answered(self._done(name))

    async def _done(self, name: str) -> dict[str, Any]:
        action, user = ACTIONS[name], self.current_user
        self.require_offered(action.offer)
        given = body_of(self.said(), action.fields)
        if action.takes_address:
            given["address"] = self.request.remote_ip or ""
        done = await getattr(self.service, action.method)(user, **given)
        if action.ends_session:
            await self.provider.begin_session(self, user)
        return told(done)


class Login(PublicHandler):
    """Signs in by name and password, or by a link that is good for once."""

    @allow_unauthenticated
    async def post(self) -> None:
        """Sign in; the answer sets the cookie."""
        await self.answered(self._signed_in())

    async def _signed_in(self) -> dict[str, Any]:
        self.require_offered("login")
        said, provider = self.said(), self.provider
        address = self.request.remote_ip or ""
        if "link" in said:
            user = await self.service.sign_in_by_link(**body_of(said, {"link": True}))
        else:
            given = body_of(said, {"username": True, "password": True})
            if not all(isinstance(value, str) for value in given.values()):
                raise RefusedError("bad-request", "Expected strings as name and password.")
            answer = await provider.sign_in(given["username"], given["password"], address)
            if isinstance(answer, Refusal):
                if answer.retry_after is not None:
                    self.set_header("Retry-After", str(answer.retry_after))
                raise RefusedError(f"{_SIGN_IN}{answer.status}", answer.message)
            user = answer
        await provider.begin_session(self, user)
        self.log.info("jupyter_authz: %r signed in from %s", user.username, address)
        return {"username": user.username}


class Logout(AccountHandler):
    """Signs out."""

    @authenticated
    async def post(self) -> None:
        """End this session, or all of them with ``{"everywhere": true}``."""
        await self.answered(self._signed_out())

    async def _signed_out(self) -> dict[str, Any]:
        self.require_offered("logout")
        given = body_of(self.said(), {"everywhere": False})
        if given.get("everywhere"):
            await self.service.end_sessions(self.current_user, keep=False)
        await self.provider.end_session(self)
        self.provider.clear_login_cookie(self)
        return {}


class Profile(AccountHandler):
    """What is known of whoever is signed in."""

    @authenticated
    async def get(self) -> None:
        """Tell it."""

        async def look() -> dict[str, Any]:
            self.require_offered("profile")
            return self.service.profile(self.current_user)

        await self.answered(look())

    @authenticated
    async def patch(self) -> None:
        """Change what others see."""

        async def change() -> dict[str, Any]:
            self.require_offered("profile")
            await self.service.change_profile(
                self.current_user, **body_of(self.said(), {"name": True})
            )
            return self.service.profile(self.current_user)

        await self.answered(change())


class Sessions(AccountHandler):
    """The sessions of whoever is signed in."""

    @authenticated
    async def get(self) -> None:
        """List them."""
        await self.answered(self.service.sessions(self.current_user))

    @authenticated
    async def delete(self) -> None:
        """End all but this one."""

        async def end() -> dict[str, Any]:
            return {"ended": await self.service.end_sessions(self.current_user)}

        await self.answered(end())


class OneSession(AccountHandler):
    """One of them."""

    @authenticated
    async def delete(self, session_id: str) -> None:
        """End it."""

        async def end() -> None:
            await self.service.end_sessions(self.current_user, session_id=session_id)

        await self.answered(end())


class Tokens(AccountHandler):
    """The tokens of whoever is signed in."""

    _FIELDS: ClassVar[Mapping[str, bool]] = {"name": True, "permissions": False, "days": False}

    @authenticated
    async def get(self) -> None:
        """List them."""
        await self.answered(self.service.tokens(self.current_user))

    @authenticated
    async def post(self) -> None:
        """Make one; the answer holds it, this once."""

        async def make() -> dict[str, Any]:
            self.require_offered("tokens")
            given = body_of(self.said(), self._FIELDS)
            return {"token": await self.service.make_token(self.current_user, **given)}

        await self.answered(make(), status=201)


class OneToken(AccountHandler):
    """One of them."""

    @authenticated
    async def delete(self, token_id: str) -> None:
        """End it."""

        async def end() -> None:
            await self.service.end_token(self.current_user, token_id=token_id)

        await self.answered(end())


def _named(*, is_public: bool) -> str:
    return "|".join(name for name, action in ACTIONS.items() if action.is_public is is_public)


_ID = r"([0-9a-f]{16})"
ROUTES: tuple[tuple[str, type[AccountHandler]], ...] = (
    (rf"api/authz/({_named(is_public=True)})", PublicAction),
    (rf"api/authz/({_named(is_public=False)})", OwnAction),
    (r"api/authz/login", Login),
    (r"api/authz/logout", Logout),
    (r"api/authz/profile", Profile),
    (r"api/authz/sessions", Sessions),
    (rf"api/authz/sessions/{_ID}", OneSession),
    (r"api/authz/tokens", Tokens),
    (rf"api/authz/tokens/{_ID}", OneToken),
)
