"""The hook: `JupyterHandler.user_is_authorized`, which exists on every handler.

One of the parties that must agree. Code may call it; a configuration file may replace it by plain
assignment, before or after this package is imported.
"""

from __future__ import annotations

import inspect
from functools import partial, partialmethod
from types import FunctionType
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import RequestHandler

from jupyter_authz.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

NAME = "user_is_authorized"


def user_is_authorized(
    self: JupyterHandler, user: Any, action: str, resource: str | None = None
) -> bool:
    """Decide whether a user may act on a type of resource; asks the policy.

    Parameters
    ----------
    user
        The user, as `current_user`.
    action
        ``read``, ``write`` or ``execute``.
    resource
        A resource type; that of this handler by default.

    Returns
    -------
    bool
        Whether the policy allows it whatever the resource's attributes. True where there is no
        policy.
    """
    guard = self.settings.get("jupyter_authz_guard")
    if guard is None:
        return True
    return bool(guard.decide_label(self, user, action, resource))


def _on_plain_handler(
    self: RequestHandler, user: Any, action: str, resource: str | None = None
) -> Any:
    """Ask the hook from a handler that is tornado's own kind."""
    hook: Any = getattr(JupyterHandler, NAME).__get__(self)
    return hook(user, action, resource) if takes_resource(hook) else hook(user, action)


def install() -> None:
    """Put the hook on every handler, unless a configuration file already put its own there."""
    if NAME not in vars(JupyterHandler):
        setattr(JupyterHandler, NAME, user_is_authorized)
    setattr(RequestHandler, NAME, _on_plain_handler)


def current() -> Any:
    """Give what is there now, replaced or not."""
    return vars(JupyterHandler).get(NAME, user_is_authorized)


def replaced() -> Callable[..., Any] | None:
    """Give the hook that was put in place of the default one, if any.

    Only the one of all handlers counts. What a handler class defines under this name is its own
    code, which must not decide about itself.
    """
    found = vars(JupyterHandler).get(NAME, user_is_authorized)
    if found is user_is_authorized:
        return None
    # What was assigned later and cannot be called is asked all the same, and so denies.
    return found if found is not None else _nothing


def _nothing(*_: Any) -> None:
    """Stand for a hook of None, which agrees to nothing."""


def require_callable() -> None:
    """Make sure that what was put in place of the hook can be asked.

    Raises
    ------
    ConfigurationError
        It is None, or something else that cannot be called so: it would be no hook.
    """
    # INVARIANT: tests/guard/test_hook.py::test_what_cannot_be_called_stops_the_server
    found = vars(JupyterHandler).get(NAME, user_is_authorized)
    if not callable(found) and not isinstance(found, (staticmethod, classmethod, partialmethod)):
        raise ConfigurationError(
            "JupyterHandler.user_is_authorized: expected a function of (self, user, action, "
            f"resource), got {found!r}"
        )
    bind = getattr(found, "__get__", None)
    takes_resource(found if bind is None else bind(object(), JupyterHandler))


def takes_resource(hook: Any) -> bool:
    """Whether a bound hook takes the resource.

    Raises
    ------
    ConfigurationError
        It can be called neither with (user, action, resource) nor with (user, action).
    """
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):
        # Built in, or callable in a way that tells nothing: called in full.
        return True
    for count in (3, 2):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count == 3  # noqa: PLR2004 - user, action, resource
    raise ConfigurationError(
        "JupyterHandler.user_is_authorized: expected a function of (self, user, action, resource), "
        f"got {describe(hook)}{signature}"
    )


def describe(hook: Any) -> str:
    """Name a hook for the log: its module and name."""
    function = getattr(hook, "__func__", hook)
    # A configuration file is run without a module.
    module = getattr(function, "__module__", None) or ""
    return f"{module}.{getattr(function, '__qualname__', repr(function))}".lstrip(".")


def file_of(function: Any) -> str | None:
    """Give the file that the code of a hook or callback stands in, where there is one."""
    code = _code_of(function)
    return None if code is None or code.co_filename.startswith("<") else code.co_filename


def _code_of(function: Any) -> CodeType | None:
    while isinstance(function, partial | partialmethod):
        function = function.func
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(function, FunctionType):
        # Something that can be called.
        function = type(function).__call__
    return getattr(function, "__code__", None)


def located(function: Any) -> str:
    """Name a hook or callback with the place of its code, as far as that is known."""
    code = _code_of(function)
    # A configuration file is no module.
    name = describe(function).removeprefix("None.")
    return name if code is None else f"{name} ({code.co_filename}, line {code.co_firstlineno})"
