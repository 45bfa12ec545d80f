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
from tornado.web import HTTPError

from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.parties import AGREED
from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Decision, Question, Resource, values_of
from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources import running
from jupyter_authz.resources.links import children_of, with_targets
from jupyter_authz.resources.requests import require_whole
from jupyter_authz.resources.table import as_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_authz.model import Action, Scope, Subject, Value
    from jupyter_authz.policy.engine import Policy


# Of a model, as a client sends it.
_TEXTS = ("name", "path", "type", "format")


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

    def get_json_body(self) -> dict[str, Any] | None:
        """Give the body, its parts of the form that handlers take for granted."""
        try:
            model: Any = super().get_json_body()
        except UnicodeDecodeError as error:
            raise HTTPError(400, "Expected JSON in UTF-8 as body of the request") from error
        if model is None:
            return None
        if not isinstance(model, dict):
            raise HTTPError(400, "Expected a JSON object as body of the request")
        for key in _TEXTS:
            # INVARIANT: tests/resources/test_bodies.py::test_a_bad_body_does_nothing
            if not isinstance(model.get(key), str | None):
                raise HTTPError(400, f"Expected a string as {key!r} in the JSON body")
            require_whole(model.get(key), key)
        chunk = model.get("chunk")
        if isinstance(chunk, bool) or not isinstance(chunk, int | None):
            raise HTTPError(400, "Expected a whole number as 'chunk' in the JSON body")
        if model.get("type") == "notebook":
            _require_notebook(model.get("content", {}))
        return model

    def _finish_model(self, model: dict[str, Any], location: bool = True) -> None:  # noqa: FBT001, FBT002
        policy = self.authz_guard.policy
        if policy is not None:
            subject = subject_of(self.current_user)
            resource = self._resource(normalise(model["path"]))
            _note_writable(policy, subject, resource, model)
            if model["type"] != "directory":
                if self._is_question() and not policy.decide(subject, Question("read", resource)):
                    # It was a directory when it was decided about: whoever may not read it has
                    # waited for another to take its place.
                    question = Question("read", resource)
                    denial = Decision(allowed=False, reason="no-role", question=question)
                    self.authz_guard.deny(self, denial, subject)
                    return
            elif model.get("content") is not None:
                directory = normalise(model["path"]) or ""
                paths = children_of(self.contents_manager, directory)
                judge = _Judge(policy, subject, directory)
                model["content"] = [
                    child
                    for child in model["content"]
                    if judge.shows(paths(normalise(child["path"])), child)
                ]
        super()._finish_model(model, location)  # type: ignore[misc]

    def _resource(self, path: str | None) -> Resource:
        """Give what is shown: what was decided about, in most cases."""
        admission = admission_of(self)
        if admission is not None and admission.decision is AGREED:
            asked = admission.asked[0].resource
            # What a link leads to comes after the path itself.
            if asked.type == "contents" and (values_of(asked.path) or ())[:1] == (path,):
                return asked
        return Resource("contents", path=with_targets(self.contents_manager, path))

    def _is_question(self) -> bool:
        """Whether a file is shown about which it was not decided that it may be read."""
        if self.request.method not in {"GET", "HEAD"}:
            return False
        admission = admission_of(self)
        return admission is None or admission.decision is not AGREED


def _require_notebook(content: Any) -> None:
    """Require what a notebook is read from, as far as its reader takes it for granted."""
    expected = {"cells": list, "metadata": dict, "nbformat": int, "nbformat_minor": int}
    if content is not None and not isinstance(content, dict):
        raise HTTPError(400, "Expected a notebook, an object, as 'content' in the JSON body")
    for key, kind in expected.items():
        value = (content or {}).get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise HTTPError(400, f"Expected a {kind.__name__} as 'content.{key}' in the JSON body")
    if not all(isinstance(cell, dict) for cell in (content or {}).get("cells") or ()):
        raise HTTPError(400, "Expected an object as each of 'content.cells' in the JSON body")


def _note_writable(
    policy: Policy, subject: Subject, resource: Resource, model: dict[str, Any]
) -> None:
    if not policy.decide(subject, Question("write", resource)).allowed:
        # INVARIANT: what nobody may write here, no front end offers to.
        # tests/guard/test_lists.py::test_writable_is_the_truth
        model["writable"] = False


class _Judge:
    """Judges what a directory holds, all of it at once where the policy makes no difference."""

    def __init__(self, policy: Policy, subject: Subject, directory: str) -> None:
        self._policy, self._subject = policy, subject
        self._below = f"{directory}/" if directory else ""
        self._has_closed = policy.closes_below(directory)
        self._reads = self._throughout("read", directory)
        self._writes = self._throughout("write", directory)

    def shows(self, path: Value, model: dict[str, Any]) -> bool:
        """Tell whether one may be seen or gone through, and note whether it may be written."""
        is_plain = self._is_plain(path)
        reads = self._reads if is_plain else None
        if reads is None:
            scope: Scope = "way" if model["type"] == "directory" else "this"
            reads = self._asks("read", path, scope=scope)
        if reads and model.get("writable"):
            writes = self._writes if is_plain else None
            if writes is None:
                writes = self._asks("write", path)
            if not writes:
                model["writable"] = False
        return reads

    def _is_plain(self, path: Value) -> bool:
        """Tell whether the answer for all that is below the directory is its answer."""
        # INVARIANT: links come with where they lead, and are asked one by one.
        # tests/guard/test_lists.py::test_a_listing_holds_what_a_get_allows
        if path.__class__ is not str or not path.startswith(self._below):
            return False
        return not (self._has_closed and self._policy.closes(Resource("contents", path)))

    def _throughout(self, action: Action, directory: str) -> bool | None:
        """Tell whether everything in it may be read or written; None where some may."""
        # INVARIANT: tests/policy/test_engine.py::test_what_is_so_throughout
        if self._asks(action, directory, whole=True):
            return True
        return None if self._asks(action, directory, scope="way") else False

    def _asks(
        self, action: Action, path: Value, *, scope: Scope = "this", whole: bool = False
    ) -> bool:
        resource = Resource("contents", path=path, whole=whole)
        return self._policy.decide(self._subject, Question(action, resource, scope)).allowed


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
