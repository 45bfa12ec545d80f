"""Decorators: what a method of somebody's own handler requires, beside what its request asks.

Behind the decision, before the method: the request has been let in already, and goes no further
where its user is not in a group, or may not do something with what only the method knows about.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from jupyter_authz.errors import PolicyError
from jupyter_authz.guard import hook
from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.parties import AGREED, denial, hook_agrees
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import OF_THE_SERVER, Decision, Question, Resource
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_group
from jupyter_authz.policy.subjects import lineage
from jupyter_authz.resources.links import with_targets
from jupyter_authz.resources.table import as_name, as_path, as_place
from jupyter_authz.resources.types import TYPES, attributes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_authz.guard.http import Guard
    from jupyter_authz.model import Subject

# What a resource is known by: a value, or a function that is given what the method is given.
Attribute = str | Callable[..., str | None] | None


class Requirement(NamedTuple):
    """What must hold for a method to run.

    Parameters
    ----------
    groups
        Any of which the user must be in; none is no matter.
    questions
        All of which must be allowed.
    """

    groups: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()

    def decide(self, guard: Guard, subject: Subject) -> Decision:
        """Decide whether it holds for somebody, as far as groups and the policy tell."""
        if self.groups and not _is_member(guard, subject, self.groups):
            rule = f"it requires a member of {' or '.join(map(repr, self.groups))}"
            return Decision(allowed=False, reason="membership", rules=(rule,))
        policy = guard.policy
        for question in self.questions if policy is not None else ():
            assert policy is not None
            decision = policy.decide(subject, question)
            if not decision.allowed:
                return denial(policy, subject, question, decision)
        return AGREED


def requires_membership(*groups: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a method of a handler run only for members of a group.

    Groups are hierarchical: a member of ``teacher/physics`` is a member of ``teacher``. It counts
    with or without a policy; where there is one, that must allow the request, too. A websocket
    whose `get` or `open` has it is closed when its user leaves the group, where there is a policy
    or a hook.

    Parameters
    ----------
    *groups
        One, or several of which any is enough. Decorators above one another must all hold.

    Raises
    ------
    PolicyError
        A group that is none, or no group.

    Examples
    --------
    >>> class Grades(JupyterHandler):
    ...     @requires_membership("teacher")
    ...     def get(self): ...
    """
    expected = "requires_membership: expected a group, as in @requires_membership('teacher')"
    for group in groups or (None,):
        if not isinstance(group, str):
            raise PolicyError(f"{expected}, got {group!r}")
    required = Requirement(groups=tuple(read_group(one, "requires_membership") for one in groups))
    return _requiring(lambda *_, **__: required)


def requires_permission(
    permission: str,
    *,
    path: Attribute = None,
    url: Attribute = None,
    owner: Attribute = None,
    name: Attribute = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a method of a handler run only for those who may do something.

    It is asked of the policy, and of a hook where there is one; without either, everybody may.

    Parameters
    ----------
    permission
        Actions and types, such as ``write:contents``, all of which must be allowed.
    path, url, owner, name
        What the resource is known by: a value, or a function of the handler and what the method is
        given, which gives one. What is not given, or None, is unknown: only an allow without such a
        filter matches it, and every deny does. A contents path is asked with where its links lead.

    Raises
    ------
    PolicyError
        A permission that is none, or something that its resources are not known by.

    Examples
    --------
    >>> class Report(JupyterHandler):
    ...     @requires_permission("write:contents", path=lambda handler, name: f"reports/{name}")
    ...     def post(self, name): ...
    """
    known = {"path": path, "url": url, "owner": owner, "name": name}
    given = {key: value for key, value in known.items() if value is not None}
    pairs = _read(permission, given)

    def required(handler: Any, *args: Any, **kwargs: Any) -> Requirement:
        try:
            found = {
                key: value(handler, *args, **kwargs) if callable(value) else value
                for key, value in given.items()
            }
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # What the request should say it does not.
            handler.log.info("jupyter_authz | %s of %s: %r", permission, handler, error)
            raise HTTPError(400, "The request does not say what it is about.") from error
        return Requirement(
            questions=tuple(
                Question(action, _resource(handler, kind, found))  # type: ignore[arg-type]
                for action, kind in pairs
            )
        )

    return _requiring(required)


def _read(permission: str, given: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """Read a permission without filters into actions and types."""
    expected = "requires_permission: expected actions and types, such as 'write:contents'"
    if ":" not in permission or set("!*") & set(permission):
        raise PolicyError(f"{expected}, got {permission!r}; a path is given as path=...")
    scope = Grammar(TYPES).parse(permission).scope
    # In the text, `contents` stands for more, which has no question of its own here.
    types = permission.partition(":")[2].split(",")
    for kind in types:
        if kind not in TYPES and kind not in scope.types.names:
            raise PolicyError(f"{expected}, got {kind!r}, which stands for several types")
        lacking = [key for key in given if key not in attributes_of(kind)]
        if lacking:
            raise PolicyError(
                f"requires_permission({permission!r}): resources of type {kind!r} have no "
                f"{lacking[0]!r}: expected {', '.join(attributes_of(kind)) or 'nothing'}"
            )
    return [(action, kind) for action in sorted(scope.actions) for kind in types]


def _resource(handler: Any, kind: str, found: dict[str, Any]) -> Resource:
    path = as_place(kind, found.get("path"))
    manager = handler.settings.get("contents_manager")
    # INVARIANT: a link is asked by its own path and by where it leads.
    # tests/guard/test_requirements.py::test_a_path
    return Resource(
        kind,
        path=path if path is None or OF_THE_SERVER in path else with_targets(manager, path),
        url=as_path(found.get("url")),
        owner=found.get("owner"),
        name=as_name(found.get("name")),
    )


def _is_member(guard: Guard, subject: Subject, groups: Sequence[str]) -> bool:
    # INVARIANT: as everywhere, whole segments; who may do nothing is a member of nothing.
    # tests/guard/test_requirements.py::test_membership
    if not subject.is_nameable or not guard.may_act(subject):
        return False
    return any(above in groups for one in guard.groups_of(subject) for above in lineage(one))


def _requiring(
    required: Callable[..., Requirement],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator of what gives the requirement of a call."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        # Messages are asked about one by one; what opens a websocket is to hold while it is open.
        lasts = method.__name__ != "on_message"

        @wraps(method)
        async def when_met(handler: Any, *args: Any, **kwargs: Any) -> Any:
            requirement = required(handler, *args, **kwargs)
            guard = _guard_of(handler)
            if not await _is_met(guard, handler, requirement):
                return None
            if lasts:
                guard.connections.require(handler, requirement)
            return await ensure_async(method(handler, *args, **kwargs))

        return when_met

    return decorate


def _guard_of(handler: Any) -> Guard:
    guard: Guard | None = handler.settings.get("jupyter_authz_guard")
    if guard is None or not guard.ready:
        # INVARIANT: where nobody can be asked, the answer is no.
        # tests/guard/test_requirements.py::test_without_the_extension
        raise HTTPError(403, "jupyter_authz is not enabled on this server, which this requires")
    return guard


async def _is_met(guard: Guard, handler: Any, requirement: Requirement) -> bool:
    """Tell whether a requirement is met, and answer if it is not."""
    admission = admission_of(handler)
    user = admission.user if admission is not None else handler.current_user
    if user is None:
        raise HTTPError(403, "You may not do this on this server without signing in.")
    subject = subject_of(user)
    decision = requirement.decide(guard, subject)
    if decision.allowed and requirement.questions and hook.replaced() is not None:
        decision = await hook_agrees(handler, user, requirement.questions, guard.log, ensure_async)
    if not decision.allowed:
        guard.deny(handler, decision, subject)
    return decision.allowed
