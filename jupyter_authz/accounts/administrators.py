"""Administrators: who may change what, and whether one is left who can sign in.

Between the policy and `administration`. What is changed is checked in the very transaction that
changes it, by what the store holds there; writers take turns.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from jupyter_authz.accounts import people, tags
from jupyter_authz.accounts.schema import GRANTS, SESSIONS, USERS
from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import GUEST, Question, Resource, Subject
from jupyter_authz.policy.explain import Matcher
from jupyter_authz.policy.roles import BASE_ROLE, EVERYBODY
from jupyter_authz.policy.subjects import Binding, lineage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sqlalchemy import Connection

    from jupyter_authz.accounts.store import Writing
    from jupyter_authz.identity import AccountsIdentityProvider
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.policy.permissions import Permission
    from jupyter_authz.policy.roles import Role


_NAMELESS = [Binding("")]


def to_write(role: str | None = None) -> Question:
    """Give the question of who gives a role; without one, of who changes everything."""
    # INVARIANT: where no role is named, an allow of some roles only matches nothing.
    # tests/accounts/test_administration.py::test_a_delegate_changes_nothing_else
    return Question("write", Resource("authz", name=role))


TO_LOOK = Question("read", Resource("authz"))


def _writes(permission: Permission) -> bool:
    """Whether a permission is about changing people or giving roles."""
    scope = permission.scope
    return "write" in scope.actions and scope.types.cover("authz")


def roles_to_give(policy: Policy) -> tuple[Role, ...]:
    """Give the roles that can be given: all but what everybody has."""
    return tuple(role for role in policy.roles if role.name != BASE_ROLE)


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do here.

    Parameters
    ----------
    may_look
        Whether they see people, groups and roles.
    may_change
        Whether they may change all of it.
    roles
        The names of the roles that they may give and take.
    """

    may_look: bool = False
    may_change: bool = False
    roles: frozenset[str] = frozenset()

    @property
    def is_any(self) -> bool:
        """Whether there is anything for them to see or do."""
        return self.may_look or bool(self.roles)

    @property
    def is_delegate(self) -> bool:
        """Whether they give roles, and do and see nothing else."""
        return bool(self.roles) and not self.may_look


NO_RIGHTS = Rights()


def rights_of(policy: Policy | None, user: Any) -> Rights:
    """Give what somebody may do here."""
    # INVARIANT: tests/accounts/test_administration.py::test_tokens_and_guests_administer_nothing
    if policy is None or is_by_token_or_guest(user):
        return NO_RIGHTS
    subject = subject_of(user)
    may_change = policy.decide(subject, to_write()).allowed
    return Rights(
        may_look=may_change or policy.decide(subject, TO_LOOK).allowed,
        may_change=may_change,
        roles=frozenset(
            role.name for role in roles_to_give(policy) if may_give(policy, subject, role)
        ),
    )


def is_by_token_or_guest(user: Any) -> bool:
    """Whether a user is a script, or somebody who has not signed in."""
    return getattr(user, "kind", "user") in {"token", GUEST}


def may_give(policy: Policy, subject: Subject, role: Role) -> bool:
    """Whether a subject may give and take a role.

    Parameters
    ----------
    policy
        With the people as they are.
    subject
        Who gives.
    role
        Which.
    """
    if policy.decide(subject, to_write()):
        return True
    if not policy.decide(subject, to_write(role.name)):
        return False
    # INVARIANT: nobody gives a role that gives more than they may give themselves.
    # tests/accounts/test_administration.py::test_a_delegate_gives_no_more_than_they_have
    if _reaches(role, None) or any(one.holders and _writes(one) for one in role.allow):
        return False
    return all(
        policy.decide(subject, to_write(other.name)).allowed
        for other in roles_to_give(policy)
        if _reaches(role, other.name)
    )


def _reaches(role: Role, name: str | None) -> bool:
    """Whether a role lets whoever has it give another one, or change everything."""
    matcher = Matcher(to_write(name), denies=False, fold=None)
    return any(matcher.matches(permission, _NAMELESS) for permission in role.allow)


# ---------------------------------------------------------------------- in a transaction


class WrittenPeople:
    """People as a transaction sees them, what it has written itself too, for the engine.

    Parameters
    ----------
    connection
        In the transaction.
    counts
        Which grants count.
    """

    def __init__(self, connection: Connection, counts: Callable[[str, int | None], bool]) -> None:
        self._connection = connection
        self._counts = counts
        self._given: dict[str, list[str]] = defaultdict(list)
        for row in connection.execute(select(GRANTS).where(GRANTS.c.group_name.is_not(None))):
            if counts(row.role, row.expires):
                self._given[row.group_name].append(row.role)

    def groups_of(self, username: str) -> tuple[str, ...]:
        """Give the groups that somebody is directly in."""
        return tags.get(self._connection, username)

    def roles_of(self, username: str) -> Collection[str]:
        """Give the names of the roles that were given to somebody by name."""
        theirs = select(GRANTS).where(GRANTS.c.username == username)
        rows = self._connection.execute(theirs)
        return [row.role for row in rows if self._counts(row.role, row.expires)]

    def roles_given_to(self, group: str) -> Collection[str]:
        """Give the names of the roles that were given to a group."""
        return self._given.get(group, ())

    def groups_with_roles(self) -> Collection[str]:
        """Give the groups that roles were given to."""
        return self._given.keys()

    def may_act(self, username: str) -> bool:
        """Whether somebody may do anything."""
        row = people.find(self._connection, username)
        return row is None or row.state == people.ACTIVE


class Turn:
    """A change in its turn: who makes it, and whether somebody is left who could undo it.

    Parameters
    ----------
    policy
        In force.
    provider
        With the accounts of the configuration; None where people sign in in another way.
    user
        Who makes the change.
    writing
        The transaction.
    """

    def __init__(
        self,
        policy: Policy,
        provider: AccountsIdentityProvider | None,
        user: Any,
        writing: Writing,
    ) -> None:
        self._policy = policy
        self._accounts = None if provider is None else provider.accounts.accounts
        # What an identity provider of another kind knows of groups, it tells when they sign in.
        self._actor = subject_of(user)
        self._writing = writing
        self._denying = {role.name for role in policy.roles if any(map(_writes, role.deny))}

    def _subject(self, username: str) -> Subject:
        if self._accounts is None:
            return self._actor if username == self._actor.username else Subject(username)
        account = self._accounts.get(username)
        return Subject(username, account.groups if account is not None else ())

    def _holds_now(self, role: str, expires: int | None) -> bool:
        del role
        return expires is None or self._writing.now < expires

    def _holds_for_good(self, role: str, expires: int | None) -> bool:
        # What ends may take from somebody what they need, but leaves nobody with it.
        return expires is None or (self._holds_now(role, expires) and role in self._denying)

    def _policy_by(self, counts: Callable[[str, int | None], bool]) -> Policy:
        return self._policy.with_people(WrittenPeople(self._writing.connection, counts))

    # ------------------------------------------------------------------ who makes it

    def require_all(self) -> None:
        """Require that who makes the change may make any.

        Raises
        ------
        RefusedError
            They may not, now.
        """
        policy = self._policy_by(self._holds_now)
        if not policy.decide(self._subject(self._actor.username), to_write()):
            raise RefusedError("not-allowed", "You may not do this.")

    def require_role(self, name: str, username: str | None, group: str | None) -> None:
        """Require that who makes the change may give and take a role, to and from others.

        Parameters
        ----------
        name
            Of the role.
        username, group
            Whom it is given to or taken from; one of them.

        Raises
        ------
        RefusedError
            They may not.
        """
        policy = self._policy_by(self._holds_now)
        actor = self._subject(self._actor.username)
        if policy.decide(actor, to_write()):
            return
        role = next((role for role in roles_to_give(policy) if role.name == name), None)
        # INVARIANT: the same, whether there is such a role or not.
        if role is None or not may_give(policy, actor, role):
            raise RefusedError("not-allowed", f"You may not give or take the role {name!r}.")
        # INVARIANT: who gives a role to others gains nothing by it: neither by name, nor by a
        # group that they are in or that is only made by it.
        # tests/accounts/test_administration.py::test_a_delegate_gains_nothing
        if username == actor.username:
            raise RefusedError("not-oneself", "You may give this role to others only.")
        if group is not None:
            (given,) = tags.read_tags(group)
            groups = policy.groups_of(actor)
            if any(given == above for own in groups for above in lineage(own)):
                raise RefusedError(
                    "not-oneself", f"You are in the group {given!r}, and may give to others only."
                )
            if given not in tags.all_tags(self._writing.connection):
                raise RefusedError("no-group", f"there is no group {given!r}")

    # ------------------------------------------------------------------ who is left

    def left(self) -> tuple[bool, bool]:
        """Tell whether anybody who can sign in may change everything: now, and for good."""
        return self._is_any(self._holds_now), self._is_any(self._holds_for_good)

    def require_left(self, before: tuple[bool, bool]) -> None:
        """Require that nobody locks everybody out.

        Parameters
        ----------
        before
            What `left` told before the change.

        Raises
        ------
        RefusedError
            There was an administrator, and would be none any more.
        """
        # INVARIANT: the last who could undo it stays, also when two act at once, and when what
        # somebody has ends. tests/accounts/test_administration.py::test_the_last_administrator
        if any(was and not is_now for was, is_now in zip(before, self.left(), strict=True)):
            raise RefusedError(
                "last-administrator",
                "Nobody who can sign in could manage people any more. Give somebody else that "
                "right first, with a role that does not end.",
            )

    def _is_any(self, counts: Callable[[str, int | None], bool]) -> bool:
        policy = self._policy_by(counts)
        seen = set()
        for username in self._candidates(counts):
            if username in seen:
                continue
            seen.add(username)
            subject = self._subject(username)
            if policy.decide(subject, to_write()) and self._can_sign_in(username):
                return True
        return False

    def _can_sign_in(self, username: str) -> bool:
        if self._accounts is None:
            return True
        account = self._accounts.get(username)
        if account is not None:
            # By a token nobody manages people.
            return account.hashed_password is not None
        connection = self._writing.connection
        row = people.find(connection, username)
        if row is None or row.state != people.ACTIVE:
            return False
        # Who has come by a link, and has set no password yet, is there all the same.
        here = select(SESSIONS.c.id).where(SESSIONS.c.username == username)
        return row.password is not None or connection.execute(here).first() is not None

    def _candidates(self, counts: Callable[[str, int | None], bool]) -> Iterator[str]:
        """Give who may be an administrator, whoever is most likely one first."""
        connection = self._writing.connection
        yield self._actor.username
        yield from self._policy.usernames()
        yield from self._accounts or ()
        roles = [role for role in roles_to_give(self._policy) if _reaches(role, None)]
        names = {role.name for role in roles}
        groups = [group for role in roles for group in role.groups]
        for row in connection.execute(select(GRANTS)).all():
            if row.role in names and counts(row.role, row.expires):
                if row.username is not None:
                    yield row.username
                else:
                    groups.append(row.group_name)
        for group in dict.fromkeys(groups):
            yield from tags.find(connection, group)
        if any(EVERYBODY in role.users for role in self._policy.roles if _reaches(role, None)):
            yield from connection.scalars(
                select(USERS.c.username).where(USERS.c.state == people.ACTIVE)
            ).all()
