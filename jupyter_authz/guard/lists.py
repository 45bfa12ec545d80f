"""Lists: replies that hold several resources show those which the asker may read.

Behind the decision, beside the handler: what a question of scope ``any`` or ``way`` lets through
is filtered here, by asking the policy about each.
"""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_core.utils import ensure_async

from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.parties import AGREED
from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Decision, Question, Resource
from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources import running
from jupyter_authz.resources.links import children_of, with_targets
from jupyter_authz.resources.table import as_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_authz.model import Scope, Subject, Value
    from jupyter_authz.policy.engine import Policy


class ContentsList(Stand):
    """Shows of directories what may be read, and of all whether it may be written.

    Gives no file that was only on the way.
    """

    async def patch(self, *args: Any, **kwargs: Any) -> None:
        """Move something, and decide anew about who has it open."""
        # INVARIANT: a document that is moved out of reach is out of reach.
        # tests/guard/test_rooms.py::test_a_document_that_is_moved
        await super().patch(*args, **kwargs)  # type: ignore[misc]
        self.authz_guard.connections.revise_soon()

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        policy = self.authz_guard.policy
        if policy is not None:
            subject = subject_of(self.current_user)
            path = with_targets(self.contents_manager, normalise(model["path"]))
            seen = _seen_by(policy, subject)
            children = model.get("content") if model["type"] == "directory" else None
            may_see = seen(model, path)
            if children is not None:
                paths = children_of(self.contents_manager, normalise(model["path"]) or "")
                model["content"] = [c for c in children if seen(c, paths(normalise(c["path"])))]
            if self._is_question(model) and not may_see:
                # It was a directory when it was decided about: whoever may not read it has
                # waited for another to take its place.
                question = Question("read", Resource("contents", path=path))
                denial = Decision(allowed=False, reason="no-role", question=question)
                self.authz_guard.deny(self, denial, subject)
                return
        super()._finish_model(model, location)  # type: ignore[misc]

    def _is_question(self, model: Mapping[str, Any]) -> bool:
        """Whether a file is shown about which it was not decided that it may be read."""
        admission = admission_of(self)
        is_read = self.request.method in {"GET", "HEAD"}
        return (
            is_read
            and model["type"] != "directory"
            and (admission is None or admission.decision is not AGREED)
        )


def _seen_by(policy: Policy, subject: Subject) -> Callable[[dict[str, Any], Value], bool]:
    """Give a function that tells whether somebody may see a file or directory, or go through it.

    It notes in the model whether they may write it.
    """

    def seen(model: dict[str, Any], path: Value) -> bool:
        resource = Resource("contents", path=path)
        if not policy.decide(subject, Question("write", resource)):
            # INVARIANT: what nobody may write here, no front end offers to.
            # tests/guard/test_lists.py::test_writable_is_the_truth
            model["writable"] = False
        scope: Scope = "way" if model["type"] == "directory" else "this"
        return bool(policy.decide(subject, Question("read", resource, scope)))

    return seen


class RunningList(Stand):
    """Filters the JSON list of what runs, and of kernelspecs."""

    # The type of what is listed.
    kind: ClassVar[str]
    # Models of all sessions: the paths of kernels are those of their sessions.
    _sessions: list[dict[str, Any]]

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        """Note where kernels are before they are listed."""
        self._sessions = await running.sessions(self.settings) if self.kind == "kernels" else []
        return await ensure_async(super().get(*args, **kwargs))

    def finish(self, chunk: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Leave out of the reply what may not be read."""
        policy = self.authz_guard.policy
        listed = self.request.method == "GET" and self.get_status() == HTTPStatus.OK
        if policy is not None and listed and isinstance(chunk, str | bytes):
            chunk = json.dumps(self._readable(policy, json.loads(chunk)))
        return super().finish(chunk, *args, **kwargs)

    def _readable(self, policy: Policy, models: Any) -> Any:
        kind = self.kind
        subject = subject_of(self.current_user)

        def readable(attributes: Mapping[str, Any]) -> bool:
            resource = Resource(kind, **attributes)
            path = with_targets(self.contents_manager, resource.path)
            return bool(policy.decide(subject, Question("read", resource._replace(path=path))))

        if kind == "kernelspecs":
            specs = models["kernelspecs"].items()
            return {
                **models,
                "kernelspecs": {n: spec for n, spec in specs if readable({"name": as_name(n)})},
            }
        attributes: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {
            "sessions": partial(running.session_attributes, self.settings),
            "kernels": running.kernels_in(self.settings, self._sessions),
            "terminals": lambda model: running.terminal_attributes(self.settings, model["name"]),
        }
        return [model for model in models if readable(attributes[kind](model))]
