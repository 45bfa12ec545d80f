"""The directory: people, groups and roles as those see them who manage them, page by page.

Between the live snapshot and `administration`. Looks at nothing but memory, and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from jupyter_authz.accounts.people import ACTIVE, DELETED, username_key
from jupyter_authz.model import Subject
from jupyter_authz.policy.roles import EVERYBODY
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from jupyter_authz.accounts.snapshot import Grant, Person, Snapshot
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


class _Keyed(NamedTuple):
    """Somebody, how they are sorted, and where they are searched."""

    entry: Entry
    key: tuple[str, str]
    sought: str


class _Listed(NamedTuple):
    """Everybody, as the people of a snapshot are, by name, and their names sorted."""

    people: Mapping[str, Person]
    keyed: Mapping[str, _Keyed]
    order: Sequence[str]


def _keyed(one: Entry) -> _Keyed:
    key = username_key(one.username)
    rest = username_key(f"{one.name}\n{one.email or ''}")
    return _Keyed(one, (key, one.username), f"{key}\n{rest}")


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
    before
        The last one, of which is taken over what has not changed.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        policy: Policy,
        accounts: Mapping[str, Account],
        before: Directory | None = None,
    ) -> None:
        self.snapshot = snapshot
        self._roles = policy.roles
        self._accounts = accounts
        self._before: _Listed | None = None
        # By username, the groups that the configuration says.
        self.configured_groups: Mapping[str, tuple[str, ...]]
        if before is not None and before.is_of(policy, accounts):
            self.configured_groups = before.configured_groups
            self._before = before.latest()
            return
        configured = policy.with_people(None)
        self.configured_groups = {
            name: configured.groups_of(
                Subject(name, accounts[name].groups if name in accounts else ())
            )
            for name in {*accounts, *policy.usernames()}
        }

    def is_of(self, policy: Policy, accounts: Mapping[str, Account]) -> bool:
        """Whether a policy and accounts are those that it was made of."""
        return self._roles is policy.roles and self._accounts is accounts

    def latest(self) -> _Listed | None:
        """Give the list of everybody, its own or an earlier one, if it was ever made."""
        found: _Listed | None = self.__dict__.get("_listed", self._before)
        return found

    @cached_property
    def _listed(self) -> _Listed:
        """Everybody, sorted; of a hundred thousand it takes a second, and after that moments."""
        before, self._before = self._before, None
        known, people = before or _Listed({}, {}, ()), self.snapshot.people
        keyed: dict[str, _Keyed] = {}
        for name in {**dict.fromkeys(self._accounts), **people}:
            person = people.get(name)
            # Of who was deleted nothing is left but that they are kept out.
            if person is None or person.state != DELETED or name in self._accounts:
                same = known.people.get(name) is person and known.keyed.get(name)
                keyed[name] = same or _keyed(self._entry(name))
        if keyed.keys() == known.keyed.keys():
            return _Listed(people, keyed, known.order)
        # In the order in which they were, so that little is left to be sorted.
        order = [name for name in known.order if name in keyed]
        order += keyed.keys() - known.keyed.keys()
        return _Listed(people, keyed, sorted(order, key=lambda name: keyed[name].key))

    @cached_property
    def _members(self) -> Mapping[str, list[Entry]]:
        """By group, who is in it or below it, sorted as the others are."""
        members: dict[str, list[Entry]] = defaultdict(list)
        listed = self._listed
        for name in listed.order:
            one = listed.keyed[name].entry
            if len(one.groups) == 1:
                above: Iterable[str] = lineage(one.groups[0])
            else:
                above = {above for group in one.groups for above in lineage(group)}
            for group in above:
                members[group].append(one)
        return members

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
        listed = self._listed
        if group:
            found: Sequence[Entry] = self._members.get(group, ())
        else:
            found = [listed.keyed[name].entry for name in listed.order]
        if search.strip():
            wanted = username_key(search.strip()).replace("\n", " ")
            found = [entry for entry in found if wanted in listed.keyed[entry.username].sought]
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
        members = self._members.get(path, ())
        return Group(path, sum(path in one.groups for one in members), len(members))

    # ------------------------------------------------------------------ roles

    def grants_to_people(self, role: str) -> Sequence[tuple[str, Grant]]:
        """Give to whom a role was given by name."""
        known = self.snapshot.people.items()
        given = ((name, one) for name, person in known for one in person.grants if one.role == role)
        return sorted(given, key=lambda pair: pair[0])

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
