"""Lists: replies that hold several resources show those which the asker may read.

Behind the decision, beside the handler: what a question of scope ``any`` or ``way`` lets through
is filtered here, by asking the policy about each.
"""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, cast

from jupyter_core.utils import ensure_async

from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.parties import AGREED
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Decision, Question, Resource
from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources import running
from jupyter_authz.resources.table import as_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_server.base.handlers import JupyterHandler
    from tornado.web import RequestHandler

    from jupyter_authz.guard.http import Guard
    from jupyter_authz.guard.routes import Route
    from jupyter_authz.model import Subject
    from jupyter_authz.policy.engine import Policy

    # Mixins in truth; their methods may count on what every handler of a list is.
    _Handler = JupyterHandler
else:
    _Handler = object


class _List(_Handler):
    """Part of what stands before a handler class to filter its replies."""

    @property
    def authz_guard(self) -> Guard:
        """The guard of this server."""
        return cast("Guard", self.settings["jupyter_authz_guard"])


class ContentsList(_List):
    """Filters the model of a directory, and gives no file that was only on the way."""

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        policy = self.authz_guard.policy
        if policy is not None and self.request.method in {"GET", "HEAD"}:
            admission = admission_of(self)
            if model.get("type") == "directory":
                children = model.get("content")
                if children is not None:
                    subject = subject_of(self.current_user)
                    model["content"] = readable_children(policy, subject, children)
            elif admission is None or admission.decision is not AGREED:
                # It was a directory when it was decided about: whoever may not read it has
                # waited for another to take its place.
                subject = subject_of(self.current_user)
                question = Question("read", Resource("contents", path=normalise(model["path"])))
                decision = policy.decide(subject, question)
                if not decision:
                    denial = Decision(allowed=False, reason=decision.reason, question=question)
                    self.authz_guard.deny(self, denial, subject)
                    return
        super()._finish_model(model, location)  # type: ignore[misc]


def readable_children(
    policy: Policy, subject: Subject, children: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give the entries of a directory that a subject may see: readable, or on the way.

    Parameters
    ----------
    policy, subject
        Who sees.
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
                Resource("contents", path=normalise(child["path"])),
                "way" if child["type"] == "directory" else "this",
            ),
        )
    ]


class RunningList(_List):
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
        attributes: Callable[[Mapping[str, Any]], Mapping[str, Any]] = {
            "sessions": running.session_attributes,
            "kernels": running.kernels_in(self._sessions),
            "terminals": running.terminal_attributes,
        }[kind]
        return [model for model in models if readable(attributes(model))]


_FILTERS: Mapping[str, type] = {
    "jupyter_server.services.contents.handlers.ContentsHandler": ContentsList,
    "jupyter_server.services.kernels.handlers.MainKernelHandler": RunningList,
    "jupyter_server.services.sessions.handlers.SessionRootHandler": RunningList,
    "jupyter_server.services.kernelspecs.handlers.MainKernelSpecHandler": RunningList,
    "jupyter_server_terminals.api_handlers.TerminalRootHandler": RunningList,
}


@cache
def _filtered(handler: Any, base: type, kind: str) -> Any:
    namespace = {
        # Logs and metrics name a handler by these.
        "__module__": handler.__module__,
        "__qualname__": handler.__qualname__,
        "__doc__": handler.__doc__,
        "kind": kind,
    }
    return type(handler.__name__, (base, handler), namespace)


def filtered(route: Route) -> type[RequestHandler]:
    """Give the handler class of a route, with what filters its replies if they hold lists."""
    handler: type[RequestHandler] = route.target
    base = _FILTERS.get(route.row.handler)
    return handler if base is None else _filtered(cast("Any", handler), base, route.row.type)
