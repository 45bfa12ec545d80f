"""The engine: compiles roles and decides, purely and in memory.

Stands between what is asked (questions) and the guard. Everything that decides asks `decide`.
A policy is a snapshot: it never changes, a reload makes another one.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_authz.errors import PolicyError
from jupyter_authz.model import ACTIONS, GUEST, Decision, Subject
from jupyter_authz.policy.access import Index, Keys
from jupyter_authz.policy.closed import Closed
from jupyter_authz.policy.explain import Matcher, Rule, modes_of
from jupyter_authz.policy.garbage import no_collection
from jupyter_authz.policy.paths import fold
from jupyter_authz.policy.roles import EVERYBODY
from jupyter_authz.policy.subjects import Binding, Memberships, all_groups, bindings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_authz.model import Question, Resource
    from jupyter_authz.policy.people import People
    from jupyter_authz.policy.roles import Role

ALLOWED = Decision(allowed=True, reason="allowed")
NO_ROLE = Decision(allowed=False, reason="no-role")
DENIED_BY_ROLE = Decision(allowed=False, reason="denied-by-role")
CLOSED = Decision(allowed=False, reason="closed")
# What the limits of a token do not reach.
LIMITED = Decision(allowed=False, reason="token")
_DECISIONS = {True: ALLOWED, False: DENIED_BY_ROLE, None: NO_ROLE}

# What is kept resolved: subjects times the types and actions that they were asked about. Some
# identity providers make up a new user at every request, and `/api/me` is asked about any type.
_MOST_RESOLVED = 20_000
_MOST_GUESTS = 1_000

# A subject's roles, and every way to bind placeholders with the roles for which it counts.
_Access = tuple[frozenset[int], list[tuple[Binding, frozenset[int]]]]


class Policy:
    """Roles, compiled.

    Parameters
    ----------
    roles
        Checked roles, base permissions among them.
    memberships
        Groups from configuration by username, added to those of each subject.
    case_folded_denies
        Whether a deny matches paths whatever their case, for case-insensitive file systems.
    closed
        What no role lets anybody at.
    read_limits
        Makes a role for everybody of the limits of a token; where it is not given, there are none
        within which anything could be done.
    takes_any_name
        Whether those count, too, whose name cannot stand for itself in a path.
    """

    def __init__(  # noqa: PLR0913 - by name
        self,
        roles: Sequence[Role],
        memberships: Mapping[str, tuple[str, ...]] | None = None,
        *,
        case_folded_denies: bool = False,
        closed: Closed | None = None,
        read_limits: Callable[[tuple[str, ...]], Role] | None = None,
        takes_any_name: bool = False,
    ) -> None:
        self.roles = tuple(roles)
        self._memberships = memberships or {}
        # Where no files are known to be the server's, what may lead anywhere is closed, too.
        self._closed = Closed("/", (), ()) if closed is None else closed
        self._read_limits = read_limits
        self._takes_any_name = takes_any_name
        self._limits: dict[tuple[str, ...], Policy] = {}
        self._people: People | None
        self._holders: Memberships
        self._fold: Callable[[str], str] | None = fold if case_folded_denies else None
        self._index = Index(self._fold)
        # By username, groups, kind, type and action: what the subject holds on either side.
        self._resolved: dict[tuple[str, tuple[str, ...], str, str, str], Keys]
        self._of_guests: dict[tuple[str, tuple[str, ...], str, str, str], Keys]
        self._adopt(None)
        with no_collection():
            for number, role in enumerate(self.roles):
                self._index.insert(number, role)
            self._index.freeze()

    def decide(self, subject: Subject, question: Question) -> Decision:
        """Decide whether a subject may do what a question asks.

        Parameters
        ----------
        subject
            Who asks.
        question
            What for.

        Returns
        -------
        Decision
            A constant; `explain` tells which rules made it so.
        """
        if subject.limits is not None:
            return self._decide_within_limits(subject, question)
        resource = question.resource
        # INVARIANT: no role lets anybody at the files of the policy and the server.
        # tests/guard/test_closed.py::test_nobody_is_let_at_the_files_of_the_server
        if self._closed.covers(resource):
            return CLOSED
        asked = (
            subject.username,
            subject.groups,
            subject.kind,
            resource.type,
            question.action,
        )
        # Resolving is remembered, decisions are not.
        keys = self._resolved.get(asked)
        if keys is None:
            keys = self._resolve(subject, resource.type, question.action)
        # INVARIANT: without a role that grants it, it is denied; a matching deny beats every
        # allow, whatever their order. tests/policy/test_engine.py::test_engine_is_the_reference
        if question.scope == "this" and not resource.whole:
            path, paths = resource.path, keys.paths
            # What is asked most, one file where nothing but filters on paths counts.
            if paths is not None and path.__class__ is str:
                return _DECISIONS[paths.decide(path, keys, granted=False)]
            return _DECISIONS[keys.decide(resource)]
        if question.scope == "any":
            answer = False if keys.open_deny else bool(keys.allow) or None
        else:
            allow_mode, deny_mode = modes_of(question)
            denied = keys.denies(resource, deny_mode)
            answer = False if denied else keys.allows(resource, allow_mode) or None
        return _DECISIONS[answer]

    def denies(self, subject: Subject, question: Question) -> bool:
        """Whether a role denies it, so that no other permission gives it in another way."""
        return self.decide(subject, question).reason == "denied-by-role"

    def closes_below(self, path: str) -> bool:
        """Whether files that no role lets anybody at are below a contents path.

        What is decided about a directory as a whole does not count them.
        """
        return self._closed.are_below(path)

    def closes(self, resource: Resource) -> bool:
        """Whether a resource is a file that no role lets anybody at."""
        return self._closed.covers(resource)

    def _decide_within_limits(self, subject: Subject, question: Question) -> Decision:
        # INVARIANT: a token may never more than its owner, nor than it was made for.
        # tests/policy/test_people.py::test_limits
        assert subject.limits is not None
        decision = self.decide(replace(subject, limits=None), question)
        if not decision.allowed:
            return decision
        limits = self._limits_of(subject.limits)
        within = limits.decide(Subject(subject.username), question)
        return decision if within.allowed else LIMITED

    def _limits_of(self, permissions: tuple[str, ...]) -> Policy:
        found = self._limits.get(permissions)
        if found is None:
            try:
                roles = (self._read_limits(permissions),) if self._read_limits else ()
            except PolicyError:
                # A type that was known when the token was made, and is not any more.
                roles = ()
            found = Policy(roles, case_folded_denies=self._fold is not None)
            if len(self._limits) >= _MOST_RESOLVED:
                self._limits.clear()
            self._limits[permissions] = found
        return found

    def check_limits(self, permissions: tuple[str, ...]) -> None:
        """Require that a token can be limited to some permissions.

        Raises
        ------
        PolicyError
            Something in them is wrong.
        """
        if self._read_limits is None:
            raise PolicyError("tokens cannot be limited here")
        self._read_limits(permissions)

    def usernames(self) -> frozenset[str]:
        """Give every username that roles or memberships of the configuration mention."""
        named = {user for role in self.roles for user in role.users if user != EVERYBODY}
        return frozenset(named | self._memberships.keys())

    def with_people(self, people: People | None) -> Policy:
        """Give the same policy for other people; what was compiled is shared.

        Parameters
        ----------
        people
            A snapshot of memberships and grants.
        """
        other = copy(self)
        other._adopt(people)  # noqa: SLF001 - one of its own kind
        return other

    def _adopt(self, people: People | None) -> None:
        self._people = people
        self._holders = Memberships(self.roles, people, takes_any_name=self._takes_any_name)
        self._resolved = {}
        self._of_guests = {}

    def groups_of(self, subject: Subject) -> tuple[str, ...]:
        """Give the groups a subject is directly in, also by configuration and by the store."""
        return all_groups(subject, self._memberships, self._people)

    def _access(self, subject: Subject) -> _Access:
        whole = Subject(subject.username, self.groups_of(subject), subject.kind)
        roles = self._holders.roles_of(whole)
        bindings = [(Binding(subject.username), roles)]
        bindings += [
            (binding, roles & self._holders.roles_anchored(binding.anchor))
            for binding in bindings_of(whole, self._holders.anchors)
            if binding.anchor is not None
        ]
        return roles, bindings

    def _resolve(self, subject: Subject, name: str, action: str) -> Keys:
        if action not in ACTIONS:
            # INVARIANT: what is none of the three actions is denied, even to `*`.
            # tests/policy/test_engine.py::test_unknown_action_is_denied
            return self._index.keys((), (), "read", name)
        asked = (subject.username, subject.groups, subject.kind, name, action)
        # Visitors may be new ones at every request: few of them are kept, apart from the others.
        is_guest = subject.kind == GUEST
        kept, most = (
            (self._of_guests, _MOST_GUESTS) if is_guest else (self._resolved, _MOST_RESOLVED)
        )
        keys = kept.get(asked)
        if keys is None:
            roles, bindings = self._access(subject)
            keys = self._index.keys(roles, bindings, action, name)
            if len(kept) >= most:
                kept.clear()
            kept[asked] = keys
        return keys

    def explain(self, subject: Subject, question: Question) -> tuple[Rule, ...]:
        """Give every rule of the subject's roles that matches a question, allows first.

        Goes through all permissions of these roles; for people, not for decisions.
        """
        roles, bindings = self._access(subject)
        found: list[Rule] = []
        for effect in ("allow", "deny"):
            denies = effect == "deny"
            matcher = Matcher(question, denies, self._fold if denies else None)
            for number in sorted(roles):
                role = self.roles[number]
                bound = [binding for binding, anchored in bindings if number in anchored]
                found += [
                    Rule(role.name, effect, permission.text)
                    for permission in (role.deny if denies else role.allow)
                    if matcher.matches(permission, bound)
                ]
        return tuple(found)
