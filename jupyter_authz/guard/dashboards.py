"""Dashboards: their list holds what its reader may open, and the way there.

Behind the decision, beside the handlers of voila.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Question, Resource
from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources.links import children_of

if TYPE_CHECKING:
    from jupyter_authz.model import Scope, Value
    from jupyter_authz.policy.engine import Policy


class DashboardList(Stand):
    """Lists the notebooks that may be opened as dashboards, and the directories they are in."""

    @property
    def contents_manager(self) -> Any:
        """What its handler looks into."""
        manager: Any = super().contents_manager
        policy = self.authz_guard.policy
        return manager if policy is None else _Shown(manager, policy, self.current_user)


class _Shown:
    """A contents manager in which there is nothing but what somebody may open."""

    def __init__(self, manager: Any, policy: Policy, user: Any) -> None:
        self._manager = manager
        self._policy = policy
        self._subject = subject_of(user)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    async def get(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """Give a file or directory."""
        model = await ensure_async(self._manager.get(path, *args, **kwargs))
        if model["type"] == "directory" and model.get("content") is not None:
            # INVARIANT: tests/guard/test_dashboards.py::test_lists
            paths = children_of(self._manager, normalise(model["path"]) or "")
            model["content"] = [
                child
                for child in model["content"]
                if self._may_open(paths(normalise(child["path"])), child["type"])
            ]
        return model

    def _may_open(self, path: Value, kind: str) -> bool:
        scope: Scope = "way" if kind == "directory" else "this"
        question = Question("execute", Resource("voila", path=path), scope)
        return self._policy.decide(self._subject, question).allowed
