"""What is to be seen of people, groups and roles: each function is one thing to look at.

Between the handlers, pages and REST alike, and the directory. Who may see it is asked of the
policy; `administration` adds what can be changed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyter_authz.accounts import tags
from jupyter_authz.accounts.administrators import (
    Rights,
    is_by_token_or_guest,
    rights_of,
    roles_to_give,
)
from jupyter_authz.accounts.directory import Directory, Entry, Group, Held, Page, paged
from jupyter_authz.errors import RefusedError
from jupyter_authz.model import ACTIONS, Question, Resource, Subject
from jupyter_authz.resources.table import as_name, as_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_authz.accounts.service import Service
    from jupyter_authz.accounts.snapshot import Grant
    from jupyter_authz.identity.index import Account
    from jupyter_authz.model import Action, Decision
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.policy.explain import Rule
    from jupyter_authz.policy.roles import Role

# The very same each time, by which it is known that nothing has changed.
_NOBODY: Mapping[str, Account] = MappingProxyType({})
_NOT_ALLOWED = "You may not see or do this. Ask those who run this server if you should."


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is to be known of somebody.

    Parameters
    ----------
    entry
        As in the list.
    stored_groups
        Those of their groups that the store has, and that can be taken from them here.
    roles
        With where each comes from.
    sessions
        How many browsers they are signed in with.
    """

    entry: Entry
    stored_groups: tuple[str, ...]
    roles: Sequence[Held]
    sessions: int


@dataclass(frozen=True, slots=True)
class Explained:
    """What somebody may do, and why.

    Parameters
    ----------
    question
        What was asked.
    decision
        Of the policy.
    rules
        All that match, allows first.
    """

    question: Question
    decision: Decision
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class RoleHolders:
    """A role and who has it.

    Parameters
    ----------
    role
        As configured.
    people
        To whom it was given by name, a page of them.
    groups
        To which it was given.
    """

    role: Role
    people: Page[tuple[str, Grant]]
    groups: Sequence[tuple[str, Grant]]


class Overview:
    """What is to be seen of people, groups and roles, by who may see it.

    Parameters
    ----------
    service
        What people do with their own accounts.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._guard = service.guard
        self._log = service.guard.log
        self._live = service.live
        self._provider = service.provider
        self._made: tuple[tuple[Any, ...], Directory] | None = None

    # ------------------------------------------------------------------ who may

    def rights(self, user: Any) -> Rights:
        """Give what somebody may do here."""
        return rights_of(self._guard.policy, user)

    def _policy(self) -> Policy:
        policy = self._guard.policy
        if policy is None:
            raise RefusedError(
                "no-policy",
                "Managing people needs a policy: this server has none (c.JupyterAuthz.roles), so "
                "that every signed-in user may do everything.",
            )
        return policy

    def _require(self, user: Any) -> Rights:
        """Require somebody who may do anything at all here."""
        self._policy()
        if is_by_token_or_guest(user):
            raise RefusedError("not-by-token", "Sign in with a browser to do this.")
        rights = self.rights(user)
        if not (rights.may_look or rights.roles):
            raise RefusedError("not-allowed", _NOT_ALLOWED)
        return rights

    def _require_to_look(self, user: Any) -> None:
        # INVARIANT: tests/accounts/test_administration.py::test_a_delegate_sees_nothing_else
        if not self._require(user).may_look:
            raise RefusedError("not-allowed", _NOT_ALLOWED)

    def require_to_change(self, user: Any) -> None:
        """Require somebody who may change everything here.

        Raises
        ------
        RefusedError
            They may not.
        """
        if not self._require(user).may_change:
            raise RefusedError("not-allowed", _NOT_ALLOWED)

    @property
    def _accounts(self) -> Mapping[str, Account]:
        return _NOBODY if self._provider is None else self._provider.accounts.accounts

    # ------------------------------------------------------------------ looking

    def _directory(self) -> Directory:
        """Give the directory of what counts now; made anew where something has changed."""
        snapshot, policy, accounts = self._live.snapshot, self._policy(), self._accounts
        key = (snapshot.people, snapshot.group_grants, policy.roles, accounts)
        before = None if self._made is None else self._made[1]
        if self._made is None or any(a is not b for a, b in zip(key, self._made[0], strict=True)):
            self._made = (key, Directory(snapshot, policy, accounts, before))
        return self._made[1]

    async def people(
        self, user: Any, *, search: str = "", state: str = "", group: str = "", number: int = 1
    ) -> Page[Entry]:
        """Give a page of people; see `Directory.people`.

        Raises
        ------
        RefusedError
            They may not look.
        """
        self._require_to_look(user)
        # A hundred thousand people take a moment, for which nobody else waits.
        return await asyncio.to_thread(
            self._directory().people,
            search=search,
            state=state,
            group=group.strip("/ "),
            number=number,
        )

    async def person(self, user: Any, username: str) -> Profile:
        """Give all that is to be known of somebody.

        Raises
        ------
        RefusedError
            They may not look, or there is nobody of that name.
        """
        self._require_to_look(user)
        directory = self._directory()
        entry = directory.find(username)
        if entry is None:
            raise RefusedError("no-user", f"There is no user {username!r}.")
        person = self._live.snapshot.people.get(username)
        sessions = self._live.snapshot.sessions.values()
        return Profile(
            entry,
            () if person is None else person.groups,
            directory.roles_of(username, entry.groups),
            sum(session.username == username for session in sessions),
        )

    async def explain(  # noqa: PLR0913 - by name
        self,
        user: Any,
        username: str,
        *,
        question: str,
        path: str = "",
        owner: str = "",
        name: str = "",
    ) -> Explained:
        """Tell what somebody may do, and why.

        Parameters
        ----------
        user
            Who wants to know.
        username
            Whom it is about.
        question
            Such as ``read:contents``.
        path, owner, name
            Of what is asked for; empty is not known.

        Raises
        ------
        RefusedError
            They may not look, or it is no question.
        """
        await self.person(user, username)
        policy, asked = self._policy(), self._question(question, path, owner, name)
        account = self._accounts.get(username)
        subject = Subject(username, account.groups if account is not None else ())
        return Explained(asked, policy.decide(subject, asked), policy.explain(subject, asked))

    def _question(self, text: str, path: str, owner: str, name: str) -> Question:
        action, _, kind = text.strip().partition(":")
        types = self._guard.routes.table.types
        if action not in ACTIONS or not (kind in types or kind.startswith("ext.")):
            known = ", ".join(sorted(types))
            raise RefusedError(
                "bad-question",
                f"Expected an action and a type such as 'read:contents', got {text!r}. Actions are "
                f"{', '.join(ACTIONS)}; types are {known}.",
            )
        carried = self._guard.routes.table.attributes_of(kind)
        for attribute, value in (("path", path), ("owner", owner), ("name", name)):
            if value and attribute not in carried:
                raise RefusedError("bad-question", f"What is of type {kind!r} has no {attribute}.")
        # Files always have a path: nothing is the root.
        where = as_path(path) if path or carried == ("path",) else None
        verb: Action = action
        return Question(verb, Resource(kind, path=where, owner=owner or None, name=as_name(name)))

    async def groups(self, user: Any, *, number: int = 1) -> tuple[Page[str], list[Group]]:
        """Give a page of groups, and these as a tree with those above them.

        Raises
        ------
        RefusedError
            They may not look.
        """
        self._require_to_look(user)
        directory = self._directory()
        stored = await self._live.read(tags.all_tags)
        found = await asyncio.to_thread(directory.all_groups, stored)
        page = paged(found, number)
        return page, await asyncio.to_thread(directory.tree, page.entries)

    async def group(
        self, user: Any, name: str, *, number: int = 1, below: int = 1
    ) -> tuple[Group, Page[Group], Page[Entry]]:
        """Give a group, a page of those directly below it, and a page of who is in any of them.

        Raises
        ------
        RefusedError
            They may not look, or there is no such group.
        """
        self._require_to_look(user)
        directory = self._directory()
        stored = await self._live.read(tags.all_tags)
        names = await asyncio.to_thread(directory.all_groups, stored)
        if name not in names:
            raise RefusedError("no-group", f"There is no group {name!r}.")
        lower = paged([one for one in names if one.rpartition("/")[0] == name], below)
        found = [directory.group(one) for one in lower.entries]
        groups = Page(found, lower.number, lower.pages, lower.total)
        return directory.group(name), groups, directory.people(group=name, number=number)

    async def grants_to_group(self, user: Any, name: str) -> Sequence[Grant]:
        """Give the roles that were given to a group.

        Raises
        ------
        RefusedError
            They may not look.
        """
        self._require_to_look(user)
        return self._live.snapshot.group_grants.get(name, ())

    def stored_members(self, user: Any, name: str) -> frozenset[str]:
        """Give who is directly in a group by what the store says.

        Raises
        ------
        RefusedError
            They may not look.
        """
        self._require_to_look(user)
        known = self._live.snapshot.people.values()
        return frozenset(person.username for person in known if name in person.groups)

    def roles(self, user: Any) -> Sequence[Role]:
        """Give the roles that somebody may know of: all, or those that they may give.

        Raises
        ------
        RefusedError
            They may do nothing here.
        """
        rights = self._require(user)
        known = roles_to_give(self._policy())
        return [role for role in known if rights.may_look or role.name in rights.roles]

    async def role(self, user: Any, name: str, *, number: int = 1) -> RoleHolders:
        """Give a role and who has it.

        Raises
        ------
        RefusedError
            There is no such role, or it is not theirs to know of.
        """
        role = next((role for role in self.roles(user) if role.name == name), None)
        if role is None:
            raise RefusedError("no-role", f"There is no role {name!r}, or you may not give it.")
        directory = self._directory()
        given = paged(directory.grants_to_people(name), number)
        return RoleHolders(role, given, directory.grants_to_groups(name))
