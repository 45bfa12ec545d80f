"""Admissions: what was decided about a request, kept with the request.

Between the decision and the handler: whoever asks later in the same request, the handler about its
user or its authorizer about an action, gets what the guard decided with.
"""

from __future__ import annotations

import sys
import time
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tornado.httputil import HTTPHeaders

    from jupyter_authz.guard.routes import Route
    from jupyter_authz.model import Decision, Question

ADMISSION = "jupyter_authz_admission"
_ONCE = "jupyter_authz_once"
# Where tornado's handlers keep the cookies to set.
_COOKIES = "_new_cookie"

# For how many seconds a user is not looked for again.
_REMEMBERED = 1.0

_AT_ONCE = (IdentityProvider, PasswordIdentityProvider)
_JUPYTERS = vars(sys.modules[IdentityProvider.__module__])


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
    is_awaited
        Whether it gives users that must be awaited.
    asked
        What was decided about.
    asker
        Of a websocket, and where the handler is not to see credentials, the request as it was
        sent, as an identity provider looks at it.
    """

    route: Route
    user: Any
    decision: Decision
    noted: Mapping[str, Any]
    headers: HTTPHeaders | None
    is_awaited: bool
    asked: Sequence[Question]
    asker: Any


def admit(request: Any, admission: Admission) -> None:
    """Keep an admission with its request."""
    request.jupyter_authz_admission = admission


def admission_of(handler: Any) -> Admission | None:
    """Give the admission of the request of a handler, if it was decided about."""
    try:
        found = handler.request.jupyter_authz_admission
    except AttributeError:
        return None
    return found if found.__class__ is Admission else None


class _Once(NamedTuple):
    """What a method that remembers users is known by; `functools.wraps` gives it to others."""

    method: Any
    provider: Any
    # The method that was put on the provider itself, not on its class.
    own: Any


_NOT_ONCE = _Once(None, None, None)


def _once(provider: Any) -> _Once:
    """Give what was put in front of the method of a provider, or what is nobody's."""
    current = provider.get_user
    once: _Once = getattr(current, _ONCE, _NOT_ONCE)
    # INVARIANT: who took over the method of another provider has it asked, not its own class.
    # tests/guard/test_door.py::test_a_provider_that_asks_another
    return once if once.method is current and once.provider is provider else _NOT_ONCE


def remembers_users(provider: Any) -> bool:
    """Whether an identity provider is asked once for each request."""
    return _once(provider) is not _NOT_ONCE


def asked_once(provider: Any) -> tuple[Callable[[Any], Any], bool]:
    """Let an identity provider be asked once for each request.

    Parameters
    ----------
    provider
        Of the server. From now on it answers the handler with the user whom the guard decided
        about, and leaves on the handler what it left on the guard.

    Returns
    -------
    tuple
        What the guard asks, and whether that is Jupyter's own, which waits for nothing.
    """
    once = _once(provider)
    if once is _NOT_ONCE:
        once = _remember(provider)
    # Looked at anew for each request: functions may be put into it at any time.
    if once.own is not None:
        return once.own, False
    kind = type(provider)
    if kind in _AT_ONCE and _is_jupyters(provider, kind):
        return kind.get_user.__get__(provider), True
    return _of_class(provider), False


def _remember(provider: Any) -> _Once:
    """Put a method in front of that which gives users, which remembers them."""
    current = provider.get_user
    # What is not on the class, or is kept there for it: the value of a trait.
    is_own = "get_user" in vars(provider) or hasattr(_on_class(provider), "__set__")
    own = current if is_own else None

    def get_user_once(handler: Any) -> Any:
        # INVARIANT: the handler acts for the user whom it was decided about, never for one found
        # by a second look. tests/guard/test_handlers.py::test_the_user_is_found_once
        admission = admission_of(handler)
        if admission is None:
            # The class may be changed at any time.
            return _of_class(provider)(handler) if own is None else own(handler)
        if ADMISSION not in handler.__dict__:
            handler.jupyter_authz_admission = admission
            if admission.noted or admission.headers is not None:
                _leave(handler, admission)
            # From now on, whatever the handler did before.
            handler.authz_admitted = time.monotonic()
        elif time.monotonic() - handler.authz_admitted > _REMEMBERED and hasattr(
            handler, "_jupyter_current_user"
        ):
            return _checked(_of_class(provider) if own is None else own, handler, admission.user)
        # Callers may count on what they know the provider to give.
        return _awaitable(admission.user) if admission.is_awaited else admission.user

    once = _Once(get_user_once, provider, own)
    setattr(get_user_once, _ONCE, once)
    provider.get_user = get_user_once
    return once


def _on_class(provider: Any) -> Any:
    # Looked for at every request; `inspect.getattr_static` takes longer than a decision.
    for kind in type(provider).__mro__:
        if "get_user" in kind.__dict__:
            return kind.__dict__["get_user"]
    raise AttributeError("get_user")


def _of_class(provider: Any) -> Any:
    """Give the method as the class has it: a function, or whatever is called in its place."""
    found = _on_class(provider)
    return found.__get__(provider, type(provider)) if hasattr(found, "__get__") else found


def _name(user: Any) -> Any:
    return user if isinstance(user, str) else getattr(user, "username", None)


async def _awaitable(user: Any) -> Any:
    return user


def _checked(get_user: Any, handler: Any, before: Any) -> Any:
    """Ask again, much later, whether the user is still who they were; another is nobody here."""
    # INVARIANT: tests/guard/test_door.py::test_a_handler_that_asks_again
    user = get_user(handler)

    def same(user: Any) -> Any:
        return user if user is not None and _name(user) == _name(before) else None

    async def awaited() -> Any:
        return same(await user)

    return awaited() if isawaitable(user) else same(user)


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


def _is_jupyters(provider: Any, kind: Any) -> bool:
    """Whether nothing has been put into a provider of Jupyter's, which waits for nothing."""
    try:
        # What was put in has other globals, whatever it says it is. These may be awaited.
        return (
            kind.get_user.__globals__ is _JUPYTERS
            and provider._get_user.__globals__ is _JUPYTERS  # noqa: SLF001
            and provider.get_user_token.__globals__ is _JUPYTERS
            and provider.get_user_cookie.__globals__ is _JUPYTERS
        )
    except AttributeError:
        return False
