"""Admissions: what was decided about a request, kept with the request.

Between the decision and the handler: whoever asks later in the same request, the handler about its
user or its authorizer about an action, gets what the guard decided with.
"""

from __future__ import annotations

import sys
from inspect import iscoroutinefunction
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider

from jupyter_authz.identity import AccountsIdentityProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tornado.httputil import HTTPHeaders

    from jupyter_authz.guard.routes import Route
    from jupyter_authz.model import Decision

_ADMISSION = "jupyter_authz_admission"
# Where tornado's handlers keep the cookies to set.
_COOKIES = "_new_cookie"

# Identity providers that look at a request and may set cookies, but answer nothing.
_AT_ONCE = (IdentityProvider, PasswordIdentityProvider)
_WELL_KNOWN = (*_AT_ONCE, AccountsIdentityProvider)


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
    # What others wrap around it with `functools.wraps` has its attributes, and is not it.
    if getattr(get_user, _ADMISSION, None) is get_user:
        return

    def get_user_once(handler: Any) -> Any:
        # INVARIANT: the handler acts for the user whom it was decided about, never for one found
        # by a second look. tests/guard/test_handlers.py::test_the_user_is_found_once
        admission = admission_of(handler)
        if admission is None:
            return get_user(handler)
        if _ADMISSION not in vars(handler):
            setattr(handler, _ADMISSION, admission)
            _leave(handler, admission)
        # Callers may count on what they know the provider to give.
        return _given(admission.user) if is_async else admission.user

    is_async = iscoroutinefunction(get_user)
    known: Any = get_user_once
    setattr(known, _ADMISSION, known)
    known.is_well_known = is_unchanged(provider)
    known.answers_at_once = known.is_well_known and type(provider) in _AT_ONCE
    provider.get_user = known


async def _given(user: Any) -> Any:
    return user


def _leave(handler: Any, admission: Admission) -> None:
    """Leave on a handler, once, what the identity provider would have left on it."""
    own = vars(handler)
    for name, value in admission.noted.items():
        if name == _COOKIES and name in own:
            own[name].update(value)
        else:
            own[name] = value
    if admission.headers is not None:
        for name in admission.headers:
            handler.clear_header(name)
            for value in admission.headers.get_list(name):
                handler.add_header(name, value)


def is_unchanged(provider: Any) -> bool:
    """Whether a provider is one of those known here, and nobody has put functions into it."""
    kind = type(provider)
    if kind not in _WELL_KNOWN or any(hasattr(kind, name) for name in vars(provider)):
        return False
    return all(
        # A function that was put in has other globals, whatever it says it is.
        function.__globals__ is vars(sys.modules[base.__module__])
        for base in kind.__mro__
        if issubclass(base, IdentityProvider)
        for function in vars(base).values()
        if isinstance(function, FunctionType)
    )


def is_well_known(provider: Any) -> bool:
    """Whether a provider to be remembered sets cookies at most, and answers nothing."""
    return bool(provider.get_user.is_well_known)


def answers_at_once(provider: Any) -> bool:
    """Whether a provider to be remembered is Jupyter's own, which waits for nothing."""
    return bool(provider.get_user.answers_at_once)
