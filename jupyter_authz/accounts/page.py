"""What the pages of accounts have in common: what is offered, how it is shown, and errors.

Beside `rest`, under `pages`. Nothing on them runs, and nothing comes from elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError

from jupyter_authz.accounts.rest import status_of
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.identity.login import LOST, environment
from jupyter_authz.identity.stored import SERVICE

if TYPE_CHECKING:
    from jupyter_authz.accounts.forms import Form
    from jupyter_authz.accounts.service import Service
    from jupyter_authz.identity import AccountsIdentityProvider

_LOST = (
    "This cannot be done right now, since the place where accounts are kept cannot be reached. "
    "Please try again later, or tell those who run this server."
)
_DAY = 24 * 60 * 60
# Others on this server learn no more of an address, with the secret of a link, than where it is.
REFERRER = "strict-origin"


def sentence(message: str) -> str:
    """Give what went wrong as a sentence."""
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "?", "!")) else ".")


class Page(JupyterHandler):
    """What the pages have in common: what is offered, how it is shown, and errors."""

    @property
    def service(self) -> Service:
        """What people do with accounts on this server."""
        service: Service = self.settings[SERVICE]
        return service

    @property
    def provider(self) -> AccountsIdentityProvider:
        """The identity provider, where people sign in with accounts.

        Raises
        ------
        HTTPError
            404: they do so in another way.
        """
        provider = self.service.provider
        if provider is None:
            raise HTTPError(404, "This server does not offer that")
        return provider

    @property
    def content_security_policy(self) -> str:
        """Nothing here runs, and forms go nowhere else."""
        return (
            f"{super().content_security_policy}; script-src 'none'; object-src 'none'; "
            "base-uri 'none'; form-action 'self'"
        )

    def is_offered(self, offer: str) -> bool:
        """Whether something is offered here."""
        return not offer or self.service.settings.may(offer)

    def require_offered(self, offer: str) -> None:
        """Require that something is offered, to people who sign in with accounts.

        Raises
        ------
        HTTPError
            404: it is not.
        """
        if self.service.provider is None or not self.is_offered(offer):
            raise HTTPError(404, "This server does not offer that")

    def given(self, form: Form) -> dict[str, Any]:
        """Give what was filled in; passwords as they are."""
        # From the body only: what stands in a URL ends up in logs.
        return {
            one.name: self.get_body_argument(one.name, "", strip=one.kind != "password")
            for one in form.fields
        }

    def link(self, *parts: str, **arguments: str) -> str:
        """Give an address on this server, with where to go on from there."""
        given = {"next": self.get_query_argument("next", ""), **arguments}
        here = url_path_join(self.base_url, *parts)
        return url_concat(here, {key: value for key, value in given.items() if value})

    def told(self, error: RefusedError | StoreLostError) -> str:
        """Set the status of an error, and give its sentence."""
        if isinstance(error, RefusedError):
            self.set_status(status_of(error))
            return sentence(str(error))
        self.log.error("jupyter_authz | %s", error)
        self.set_status(LOST.status)
        self.set_header("Retry-After", str(LOST.retry_after))
        return _LOST

    def show(self, template: str, **shown: Any) -> None:
        """Answer with a page."""
        # What was typed, tokens and the secrets of links are kept by nobody, nor told to others.
        # With `no-referrer` browsers name no origin for the form, and Jupyter Server refuses it.
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", REFERRER)
        settings = self.service.settings
        most = settings.token_limit // _DAY
        page = environment(self.settings).get_template(f"authz/account_{template}.html")
        self.finish(
            page.render(
                **shown,
                base_url=self.base_url,
                logo=self.static_url("logo/logo.png"),
                icon=self.static_url("favicon.ico"),
                xsrf=self.xsrf_form_html,
                link=self.link,
                is_offered=self.is_offered,
                facts={
                    "shortest": settings.shortest_password,
                    "days": f"At most {most}, as if you leave it empty."
                    if most
                    else "Leave it empty for a token that does not end.",
                },
            )
        )
