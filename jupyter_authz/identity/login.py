"""The page that asks for name and password; used by the identity provider."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jinja2 import ChoiceLoader, FileSystemLoader
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.auth.logout import LogoutHandler as JupyterLogoutHandler
from tornado.escape import url_escape
from tornado.web import RequestHandler

from jupyter_authz.errors import AuthzError, StoreLostError
from jupyter_authz.identity.stored import SERVICE
from jupyter_authz.model import GUEST

if TYPE_CHECKING:
    from jinja2 import Environment, Template

    from jupyter_authz.identity.accounts import AccountsIdentityProvider

TEMPLATES = Path(__file__).parent.parent / "templates"

_ENVIRONMENT = "jupyter_authz_jinja2_env"

# A password typed into the wrong field should not fill the log.
_MAX_LOGGED_NAME = 64
# What is longer is not given back in the form.
_MAX_KEPT_NAME = 256


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody was signed in, for the person who tried.

    Parameters
    ----------
    status
        HTTP status of the reply.
    message
        A sentence for the page.
    retry_after
        Whole seconds after which to try again, where that helps.
    """

    status: int
    message: str
    retry_after: int | None = None


# INVARIANT: one message, whatever was wrong
# (tests/identity/test_login.py, test_one_message_for_every_failure).
WRONG = Refusal(401, "The name or the password is not right.")
BUSY = Refusal(503, "Too many people are signing in right now. Please try again in a moment.", 2)

LOST = Refusal(
    503,
    "Nobody can sign in right now, since the place where accounts are kept cannot be reached. "
    "Please try again later, or tell those who run this server.",
    30,
)


def waiting(seconds: float) -> Refusal:
    """Refuse an attempt that comes too soon after failed ones."""
    whole = math.ceil(seconds)
    unit = "second" if whole == 1 else "seconds"
    return Refusal(
        429,
        "There were too many failed attempts with this name. "
        f"Please wait {whole} {unit}, then try again.",
        whole,
    )


class LoginHandler(LoginFormHandler):
    """Shows the form, and signs in who fills it in rightly."""

    @allow_unauthenticated
    def head(self) -> None:
        """Answer as for GET; tornado leaves the body out."""
        self.get()

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form, also to guests."""
        if getattr(self.current_user, "kind", None) == GUEST:
            self._render()
        else:
            super().get()  # type: ignore[no-untyped-call]

    @allow_unauthenticated
    async def post(self) -> None:
        """Check what was typed."""
        # From the body only: what stands in a URL ends up in logs.
        username = self.get_body_argument("username", "")
        password = self.get_body_argument("password", "", strip=False)
        address = self.request.remote_ip or ""
        provider = cast("AccountsIdentityProvider", self.identity_provider)
        answer = await provider.sign_in(username, password, address)
        logged = repr(username[:_MAX_LOGGED_NAME])
        if not isinstance(answer, Refusal):
            try:
                await provider.begin_session(self, answer)
            except StoreLostError as error:
                self.log.error("jupyter_authz: %s", error)  # noqa: TRY400 - it says all there is
                answer = LOST
            except AuthzError:
                # Blocked in this very moment.
                answer = WRONG
        if isinstance(answer, Refusal):
            self.log.info(
                "jupyter_authz: sign-in as %s from %s refused with status %d",
                logged,
                address,
                answer.status,
            )
            self.set_status(answer.status)
            if answer.retry_after is not None:
                self.set_header("Retry-After", str(answer.retry_after))
            self._render(answer.message, username)
            return
        self.log.info("jupyter_authz: %s signed in from %s", logged, address)
        self.current_user = answer
        next_url = self.get_argument("next", default=self.base_url)
        self._redirect_safe(next_url)

    def _redirect_safe(self, url: str, default: str | None = None) -> None:
        """Redirect within this server, also where a line break would be no header."""
        shown = "".join(filter(str.isprintable, url))
        super()._redirect_safe(shown, default)  # type: ignore[no-untyped-call]

    def check_xsrf_cookie(self) -> None:
        """Require the form's XSRF token even of a request that carries a token of an account."""
        super().check_xsrf_cookie()
        if (
            # Tornado asks once before it is known who asks; Jupyter Server asks again.
            hasattr(self, "_jupyter_current_user")
            and self.token_authenticated
            and not self.settings.get("disable_check_xsrf", False)
        ):
            RequestHandler.check_xsrf_cookie(self)

    def get_template(self, name: str) -> Template:
        """Find a template among the operator's, Jupyter Server's and this package's."""
        return environment(self.settings).get_template(name)

    def _render(self, message: str | None = None, username: str = "") -> None:
        self._forget_unusable_cookie()
        # The page carries what was typed.
        self.set_header("Cache-Control", "no-store")
        page = self.render_template(  # type: ignore[no-untyped-call]
            "authz/login.html",
            next=url_escape(self.get_argument("next", default=self.base_url)),
            message=message,
            offers=getattr(self.settings.get(SERVICE), "settings", None),
            username=username if len(username) <= _MAX_KEPT_NAME else "",
        )
        self.write(page)

    def _forget_unusable_cookie(self) -> None:
        """Drop a cookie that signs nobody in, as Jupyter Server does on every request.

        Only here: a request with a wrong token must not end the session of a browser.
        """
        provider = self.identity_provider
        stored = getattr(provider, "stored", None)
        if stored is not None and stored.is_lost:
            # Nobody knows whom it signs in; it may be good again in a moment.
            return
        cookie = self.get_cookie(provider.get_cookie_name(self))
        if cookie is not None and provider.get_user_cookie(self) is None:
            provider.clear_login_cookie(self)


class LogoutHandler(JupyterLogoutHandler):
    """Signs out, in this browser and in the store."""

    @allow_unauthenticated
    async def get(self) -> None:
        """End the session."""
        provider = cast("AccountsIdentityProvider", self.identity_provider)
        await provider.end_session(self)
        super().get()  # type: ignore[no-untyped-call]


def environment(settings: dict[str, Any]) -> Environment:
    """Give the server's template environment with this package's templates added.

    Parameters
    ----------
    settings
        Of the web application, where the environment is kept once it was made.

    Returns
    -------
    Environment
        An overlay: the server's own is not changed. Operators' templates come first, so that
        ``authz/login.html`` in ``ServerApp.template_file_path`` replaces ours. It escapes
        whatever ``ServerApp.jinja_environment_options`` says.
    """
    if _ENVIRONMENT not in settings:
        base: Environment = settings["jinja2_env"]
        loaders = [*([base.loader] if base.loader else []), FileSystemLoader(TEMPLATES)]
        settings[_ENVIRONMENT] = base.overlay(loader=ChoiceLoader(loaders), autoescape=True)
    return cast("Environment", settings[_ENVIRONMENT])
