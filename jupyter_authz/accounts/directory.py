"""The directory: people, groups and roles as those see them who manage them, page by page.

Between the live snapshot and `administration`. Looks at nothing but memory, and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from jupyter_authz.accounts.people import ACTIVE, DELETED, username_key
from jupyter_authz.model import Subject
from jupyter_authz.policy.roles import EVERYBODY
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from jupyter_authz.accounts.snapshot import Grant, Snapshot
    from jupyter_authz.identity.index import Account
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.policy.roles import Role

T = TypeVar("T")

# What a page shows.
PAGE = 50
# Where a membership or a role comes from.
CONFIGURATION, STORE = "configuration", "store"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Parameters
    ----------
    entries
        Of this page.
    number, pages
        Which of how many, from 1 on.
    total
        How many entries the list has.
    """

    entries: Sequence[T]
    number: int
    pages: int
    total: int


def paged(found: Sequence[T], number: int) -> Page[T]:
    """Give a page of a list; what is beyond its end is its last."""
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(1, number), pages)
    return Page(found[(number - 1) * PAGE : number * PAGE], number, pages, len(found))


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody in the list of people.

    Parameters
    ----------
    username, name, email, state
        As in the store; who stands in the configuration only is active.
    groups
        That they are directly in, whoever says so; sorted.
    is_configured
        Whether the configuration has their account.
    is_stored
        Whether the store knows them.
    """

    username: str
    name: str
    email: str | None
    state: str
    groups: tuple[str, ...]
    is_configured: bool
    is_stored: bool


@dataclass(slots=True)
class Group:
    """A group in the tree.

    Parameters
    ----------
    path
        Its whole name.
    direct, whole
        How many are directly in it, and in it or below it.
    below
        The groups directly below it.
    """

    path: str
    direct: int
    whole: int
    below: list[Group] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The last segment."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody has, and why.

    Parameters
    ----------
    role
        Its name.
    source
        ``configuration`` or ``store``.
    group
        By which they have it; None is by name.
    grant
        By which it was given, where it was.
    is_everybodys
        Whether everybody has it.
    is_there
        Whether the policy has such a role.
    """

    role: str
    source: str
    group: str | None = None
    grant: Grant | None = None
    is_everybodys: bool = False
    is_there: bool = True


class Directory:
    """People, groups and roles at one moment.

    Parameters
    ----------
    snapshot
        Of the store.
    policy
        In force.
    accounts
        Of the configuration.
    """

    def __init__(self, snapshot: Snapshot, policy: Policy, accounts: Mapping[str, Account]) -> None:
        self.snapshot = snapshot
        self._roles = policy.roles
        self._accounts = accounts
        configured = policy.with_people(None)
        # By username, the groups that the configuration says.
        self.configured_groups: Mapping[str, tuple[str, ...]] = {
            name: configured.groups_of(
                Subject(name, accounts[name].groups if name in accounts else ())
            )
            for name in {*accounts, *policy.usernames()}
        }
        # Of who was deleted nothing is left but that they are kept out.
        known = (name for name, person in snapshot.people.items() if person.state != DELETED)
        names = {*known, *accounts}
        keyed = sorted((username_key(name), name) for name in names)
        self._entries = [self._entry(name) for _, name in keyed]
        self._sought = {
            one.username: username_key(f"{one.username}\n{one.name}\n{one.email or ''}")
            for one in self._entries
        }
        self._direct: dict[str, int] = defaultdict(int)
        # By group, who is in it or below it, sorted as the others are.
        self._members: dict[str, list[Entry]] = defaultdict(list)
        for one in self._entries:
            for group in one.groups:
                self._direct[group] += 1
            for above in {above for group in one.groups for above in lineage(group)}:
                self._members[above].append(one)
        self._grants: dict[str, list[tuple[str, Grant]]] = defaultdict(list)
        for name, person in snapshot.people.items():
            for grant in person.grants:
                self._grants[grant.role].append((name, grant))

    def _entry(self, username: str) -> Entry:
        person, account = self.snapshot.people.get(username), self._accounts.get(username)
        groups = self.configured_groups.get(username, ())
        if person is None:
            name = account.display_name if account is not None else ""
            return Entry(username, name, None, ACTIVE, groups, account is not None, False)  # noqa: FBT003
        name = person.name or (account.display_name if account is not None else "")
        whole = tuple(sorted({*groups, *person.groups})) if groups else person.groups
        return Entry(
            username,
            name,
            person.email,
            person.state,
            whole,
            account is not None,
            True,  # noqa: FBT003
        )

    def find(self, username: str) -> Entry | None:
        """Give somebody whom the store, the configuration or the policy knows."""
        person = self.snapshot.people.get(username)
        is_there = person is not None and person.state != DELETED
        if not is_there and username not in {**self._accounts, **self.configured_groups}:
            return None
        return self._entry(username)

    # ------------------------------------------------------------------ people

    def people(
        self, *, search: str = "", state: str = "", group: str = "", number: int = 1
    ) -> Page[Entry]:
        """Give a page of people, sorted by name.

        Parameters
        ----------
        search
            What is in their name or address, in any case; nothing is all.
        state
            One of `people.STATES`; nothing is all.
        group
            That they are in, or in one below it; nothing is all.
        number
            Of the page.
        """
        found: Sequence[Entry] = self._members.get(group, ()) if group else self._entries
        if search.strip():
            sought = username_key(search.strip()).replace("\n", " ")
            found = [entry for entry in found if sought in self._sought[entry.username]]
        if state:
            found = [entry for entry in found if entry.state == state]
        return paged(found, number)

    # ------------------------------------------------------------------ groups

    def all_groups(self, stored: Iterable[str]) -> list[str]:
        """Give all groups, sorted as a tree is walked.

        Parameters
        ----------
        stored
            Those that the store has, with members or without.
        """
        named = {group for role in self._roles for group in role.groups}
        known = {*stored, *named, *self._members, *self.snapshot.group_grants}
        whole = {above for group in known for above in lineage(group)}
        return sorted(whole, key=lambda group: group.split("/"))

    def tree(self, groups: Sequence[str]) -> list[Group]:
        """Give some groups as a tree, with those above them."""
        made: dict[str, Group] = {}
        tops: list[Group] = []
        for group in groups:
            for path in reversed(list(lineage(group))):
                if path not in made:
                    made[path] = self.group(path)
                    above = made.get(path.rpartition("/")[0])
                    (tops if above is None else above.below).append(made[path])
        return tops

    def group(self, path: str) -> Group:
        """Give a group with how many are in it."""
        return Group(path, self._direct.get(path, 0), len(self._members.get(path, ())))

    # ------------------------------------------------------------------ roles

    def grants_to_people(self, role: str) -> Sequence[tuple[str, Grant]]:
        """Give to whom a role was given by name."""
        return sorted(self._grants.get(role, ()), key=lambda pair: pair[0])

    def grants_to_groups(self, role: str) -> Sequence[tuple[str, Grant]]:
        """Give to which groups a role was given."""
        pairs = self.snapshot.group_grants.items()
        return sorted((group, one) for group, some in pairs for one in some if one.role == role)

    def roles_of(self, username: str, groups: Collection[str]) -> list[Held]:
        """Give the roles that somebody has, with where each comes from.

        Parameters
        ----------
        username
            Of a user.
        groups
            That they are directly in.
        """
        above = sorted({name for group in groups for name in lineage(group)})
        names = {role.name for role in self._roles}
        found = [held for role in self._roles for held in _by_configuration(role, username, above)]
        person = self.snapshot.people.get(username)
        given = [(None, grant) for grant in (person.grants if person is not None else ())]
        for group in above:
            given += [(group, grant) for grant in self.snapshot.group_grants.get(group, ())]  # type: ignore[misc]
        found += [
            Held(grant.role, STORE, group, grant, is_there=grant.role in names)
            for group, grant in given
        ]
        return found


def _by_configuration(role: Role, username: str, groups: Iterable[str]) -> Iterable[Held]:
    if EVERYBODY in role.users:
        yield Held(role.name, CONFIGURATION, is_everybodys=True)
    if username in role.users:
        yield Held(role.name, CONFIGURATION)
    for group in groups:
        if group in role.groups:
            yield Held(role.name, CONFIGURATION, group)


def is_in(groups: Iterable[str], group: str) -> bool:
    """Whether one of some groups is a group or below it."""
    return any(one == group or one.startswith(f"{group}/") for one in groups)
