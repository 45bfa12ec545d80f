"""The authorizer: what Jupyter Server and its extensions ask, answered by the same decisions."""

from __future__ import annotations

import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth import AllowAllAuthorizer, Authorizer
from jupyter_server.auth.decorator import authorized
from jupyter_server.services.api.handlers import IdentityHandler
from traitlets import Instance

from jupyter_authz.guard import hook as hooks
from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.parties import hook_agrees
from jupyter_authz.model import Question, Resource

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_server.auth import User
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_authz.guard.http import Guard

EXTENSION = "jupyter_authz"


def _nested_code(code: CodeType, name: str) -> CodeType:
    """Find the code of a function inside another."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_name == name:
                return constant
            try:
                return _nested_code(constant, name)
            except LookupError:
                continue
    raise LookupError(name)


# The wrapper that `@authorized` puts round a verb method. It asks with what it saw at its first
# call, so what it asks is not looked at: the request has been decided about.
_DECORATOR = _nested_code(authorized.__code__, "inner")


class PolicyAuthorizer(Authorizer):
    """Answers `is_authorized` from the policy.

    Installed by the extension. Set as ``c.ServerApp.authorizer_class`` it also makes sure that a
    server whose extension is disabled or cannot be imported does not start.
    """

    # An authorizer that the operator had configured keeps being asked.
    previous = Instance(Authorizer, allow_none=True)

    def __init__(self, guard: Guard | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        # Jupyter's default agrees to everything.
        self._other = None if type(self.previous) is AllowAllAuthorizer else self.previous
        if guard is None:
            self._require_extension()

    def __getattr__(self, name: str) -> Any:
        """Give what an operator's authorizer has besides: their handlers may use it."""
        if name.startswith("__") or self.previous is None:
            raise AttributeError(name)
        return getattr(self.previous, name)

    def _require_extension(self) -> None:
        # INVARIANT: without the extension there is no guard, and then there is no server.
        # tests/guard/test_authorizer.py::test_server_with_a_disabled_extension_does_not_start
        manager = getattr(self.parent, "extension_manager", None)
        linked = manager is not None and manager.linked_extensions.get(EXTENSION, False)
        if not linked:
            self.log.critical(
                "jupyter_authz | ServerApp.authorizer_class is PolicyAuthorizer, but the extension "
                "jupyter_authz is not enabled, so nothing would be guarded. Enable it with "
                "`jupyter server extension enable jupyter_authz`. The server does not start."
            )
            raise SystemExit(1)

    def is_authorized(
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> Awaitable[bool] | bool:
        """Answer whether a user may act on a type of resource.

        Parameters
        ----------
        handler
            The handler that asks.
        user
            Jupyter's user.
        action, resource
            What it asks about. From `@authorized` they are not trusted: the decision about the
            request counts. From `/api/me` they mean at least one possible resource. From anybody
            else they mean every resource of the type.
        """
        guard = self._guard or handler.settings.get("jupyter_authz_guard")
        if guard is None:
            return False
        admission = admission_of(handler)
        if admission is not None and (
            sys._getframe(1).f_code is _DECORATOR  # noqa: SLF001 - to know who asks
            or (action, resource) in admission.route.row.settles
        ):
            # INVARIANT: what `@authorized` asks with is not trusted, only that it asks.
            # tests/guard/test_authorizer.py::test_authorized_gets_the_decision
            allowed, hook = admission.decision.allowed, None
        elif guard.is_transparent:
            other: Any = self._other
            return True if other is None else other.is_authorized(handler, user, action, resource)
        else:
            allowed, hook = self._allows(guard, handler, user, action, resource), hooks.replaced()
        if not allowed or (hook is None and self._other is None):
            return allowed
        return self._others_agree(handler, user, action, resource, asks_hook=hook is not None)

    def _allows(
        self, guard: Guard, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        try:
            if isinstance(handler, IdentityHandler):
                return bool(guard.decide_any(user, action, resource))
            return bool(guard.decide_label(handler, user, action, resource))
        except Exception:
            # `/api/me` asks for many at once: it gets a bool whatever happens.
            self.log.exception("jupyter_authz | an error while deciding")
            return False

    async def _others_agree(
        self, handler: JupyterHandler, user: User, action: str, resource: str, *, asks_hook: bool
    ) -> bool:
        try:
            if asks_hook:
                question = Question(action, Resource(resource))  # type: ignore[arg-type]
                if not await hook_agrees(handler, user, [question], self.log, ensure_async):
                    return False
            if self._other is None:
                return True
            answer = self._other.is_authorized(handler, user, action, resource)
            return await ensure_async(answer) is True
        except Exception:
            self.log.exception("jupyter_authz | an error while deciding")
            return False
