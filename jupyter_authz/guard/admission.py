"""Admissions: what was decided about a request, kept with the request.

Between the decision and the handler: whoever asks later in the same request, the handler about its
user or its authorizer about an action, gets what the guard decided with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tornado.httputil import HTTPHeaders

    from jupyter_authz.guard.routes import Route
    from jupyter_authz.model import Decision

_ADMISSION = "jupyter_authz_admission"
_AT_ONCE = "jupyter_authz_at_once"


class Admission(NamedTuple):
    """A request that was let in.

    Parameters
    ----------
    route
        Where it goes.
    user
        Jupyter's user whom it was decided about.
    decision
        What was decided.
    noted
        What the identity provider noted on the handler that it was given: that a token was used,
        which cookies to set.
    headers
        Of the reply, that it set, or None.
    """

    route: Route
    user: Any
    decision: Decision
    noted: Mapping[str, Any]
    headers: HTTPHeaders | None


def admit(request: Any, admission: Admission) -> None:
    """Keep an admission with its request."""
    setattr(request, _ADMISSION, admission)


def admission_of(handler: Any) -> Admission | None:
    """Give the admission of the request of a handler, if it was decided about."""
    found = getattr(getattr(handler, "request", None), _ADMISSION, None)
    return found if isinstance(found, Admission) else None


def remember_users(provider: Any) -> None:
    """Let an identity provider be asked once for each request.

    Parameters
    ----------
    provider
        Of the server. It answers the handler with the user whom the guard decided about, and
        leaves on the handler what it left on the guard.
    """
    get_user = provider.get_user
    if getattr(get_user, _ADMISSION, False):
        return

    def get_user_once(handler: Any) -> Any:
        # INVARIANT: the handler acts for the user whom it was decided about, never for one found
        # by a second look. tests/guard/test_handlers.py::test_the_user_is_found_once
        admission = admission_of(handler)
        if admission is None:
            return get_user(handler)
        for name, value in admission.noted.items():
            vars(handler).setdefault(name, value)
        if admission.headers is not None:
            for name in admission.headers:
                handler.clear_header(name)
                for value in admission.headers.get_list(name):
                    handler.add_header(name, value)
        return admission.user

    setattr(get_user_once, _ADMISSION, True)
    setattr(get_user_once, _AT_ONCE, _waits_for_nothing(provider))
    provider.get_user = get_user_once


def _waits_for_nothing(provider: Any) -> bool:
    """Whether this is Jupyter's own, and nobody has put other functions into it."""
    functions = ("get_user", "_get_user", "get_user_token", "get_user_cookie")
    return type(provider) in (IdentityProvider, PasswordIdentityProvider) and all(
        getattr(getattr(provider, name, None), "__module__", None) == IdentityProvider.__module__
        for name in functions
    )


def answers_at_once(provider: Any) -> bool:
    """Whether a provider to be remembered is Jupyter's own, which waits for nothing."""
    return getattr(provider.get_user, _AT_ONCE, False)
