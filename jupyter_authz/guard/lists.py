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
from jupyter_authz.resources.links import with_targets
from jupyter_authz.resources.table import as_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_authz.model import Subject
    from jupyter_authz.policy.engine import Policy


class ContentsList(Stand):
    """Filters the model of a directory, and gives no file that was only on the way."""

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        policy = self.authz_guard.policy
        if policy is not None and self.request.method in {"GET", "HEAD"}:
            admission = admission_of(self)
            if model.get("type") == "directory":
                children = model.get("content")
                if children is not None:
                    subject = subject_of(self.current_user)
                    manager = self.contents_manager
                    model["content"] = readable_children(policy, subject, manager, children)
            elif admission is None or admission.decision is not AGREED:
                # It was a directory when it was decided about: whoever may not read it has
                # waited for another to take its place.
                subject = subject_of(self.current_user)
                question = Question("read", _contents(self.contents_manager, model))
                decision = policy.decide(subject, question)
                if not decision:
                    denial = Decision(allowed=False, reason=decision.reason, question=question)
                    self.authz_guard.deny(self, denial, subject)
                    return
        super()._finish_model(model, location)  # type: ignore[misc]


def readable_children(
    policy: Policy, subject: Subject, manager: Any, children: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give the entries of a directory that a subject may see: readable, or on the way.

    Parameters
    ----------
    policy, subject
        Who sees.
    manager
        The contents manager.
    children
        Models of files and directories.
    """
    return [
        child
        for child in children
        if policy.decide(
            subject,
            Question(
                "read",
                _contents(manager, child),
                "way" if child["type"] == "directory" else "this",
            ),
        )
    ]


def _contents(manager: Any, model: Mapping[str, Any]) -> Resource:
    return Resource("contents", path=with_targets(manager, normalise(model["path"])))


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
            return bool(policy.decide(subject, Question("read", Resource(kind, **attributes))))

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
