"""People in the engine: what is given to them counts as if roles and configuration said so."""

from __future__ import annotations

import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from policy import strategies

from jupyter_authz.accounts.live import LostPeople
from jupyter_authz.accounts.snapshot import Grant, GrantedPeople, Person, Snapshot
from jupyter_authz.accounts.store import Mark
from jupyter_authz.model import GUEST, Question, Resource, Subject
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import (
    read_base_permissions,
    read_limits,
    read_memberships,
    read_roles,
)
from jupyter_authz.resources.types import TYPES

GRAMMAR = Grammar(TYPES)
NOW = 1000


def limits_of(permissions):
    return read_limits(permissions, GRAMMAR)


def policy(roles, memberships=None, **options):
    return Policy(
        read_roles(roles, GRAMMAR),
        read_memberships(memberships or {}),
        read_limits=limits_of,
        **options,
    )


def person(username, groups=(), roles=(), state="active"):
    grants = tuple(r if isinstance(r, Grant) else Grant(r, None, "x") for r in roles)
    return Person(username, "", None, state, True, 0, None, tuple(groups), grants)  # noqa: FBT003


def people(*persons, now=NOW, **given_to_groups):
    held = {
        group.replace("__", "/"): tuple(
            r if isinstance(r, Grant) else Grant(r, None, "x") for r in roles
        )
        for group, roles in given_to_groups.items()
    }
    found = Snapshot(Mark(1, "m"), {p.username: p for p in persons}, {}, {}, held)
    return GrantedPeople(found, now)


def role(name, *allow, deny=(), **whom):
    found = {"name": name, **(whom or {"users": ["nobody"]})}
    return {**found, "allow": list(allow)} | ({"deny": list(deny)} if deny else {})


def read(path, **more):
    return Question("read", Resource("contents", path=path, **more))


ANN = Subject("ann")


def test_groups_of_people():
    """Groups of the store are added to those of the user and of the configuration."""
    roles = [role("r", "read:contents!path={group}/**", groups=["team"])]
    plain = policy(roles, {"team/c": ["ann"]})
    compiled = plain.with_people(people(person("ann", ["team/s", "team/c"])))
    subject = Subject("ann", ("team/u",))
    assert compiled.groups_of(subject) == ("team/u", "team/c", "team/s")
    for path in ("team/u/x", "team/c/x", "team/s/x"):
        assert compiled.decide(subject, read(path))
    assert not compiled.decide(subject, read("team/x"))
    assert not compiled.decide(Subject("bob"), read("team/s/x"))
    # The one without people is as it was, and so is one with others.
    assert not plain.decide(subject, read("team/s/x"))
    assert not compiled.with_people(people()).decide(subject, read("team/s/x"))
    assert not compiled.with_people(None).decide(subject, read("team/s/x"))


def test_grants_to_users():
    """A role given by name applies to them, exactly; one that is gone meanwhile is none."""
    roles = [role("r", "read:contents!path={username}/**"), role("no", deny=["read"])]
    roles[1].pop("allow")
    compiled = policy(roles)
    given = compiled.with_people(people(person("ann", roles=["r", "gone"]), person("Ann")))
    assert given.decide(ANN, read("ann/x"))
    assert not given.decide(ANN, read("x"))
    assert not given.decide(Subject("Ann"), read("Ann/x"))
    denied = compiled.with_people(people(person("ann", roles=["r", "no"])))
    assert denied.decide(ANN, read("ann/x")).reason == "denied-by-role"
    assert [rule.role for rule in denied.explain(ANN, read("ann/x"))] == ["r", "no"]


def test_grants_to_groups():
    """A role given to a group is given to all at or below it, whole segments at a time."""
    compiled = policy([role("r", "read")])
    given = compiled.with_people(
        people(
            person("ann", ["a/b"]),
            person("bob", ["a/b/c"]),
            person("cy", ["a", "a/bc", "A/b"]),
            a__b=["r"],
        )
    )
    answers = {u: bool(given.decide(Subject(u), read("x"))) for u in ("ann", "bob", "cy", "dan")}
    assert answers == {"ann": True, "bob": True, "cy": False, "dan": False}
    # Groups that the user or the configuration brings count as well.
    assert given.decide(Subject("dan", ("a/b/x",)), read("x"))


def test_placeholders_of_a_granted_role():
    """`{group}` stands for the groups at or below that which the role was given to, too."""
    roles = [
        role("r", "read:contents!path={group}/**", "write:contents!path=x/{subgroup}", groups=["t"])
    ]
    compiled = policy(roles).with_people(
        people(person("ann", ["g/a/b", "h/c", "t/d"]), g=["r"], g__a=["r"])
    )
    for path in ("g/a/b/x", "t/d/x"):
        assert compiled.decide(ANN, read(path)), path
    for path in ("g/x", "g/a/x", "h/c/x", "t/x", "x"):
        assert not compiled.decide(ANN, read(path)), path

    def writes(path):
        return bool(compiled.decide(ANN, Question("write", Resource("contents", path=path))))

    assert {p for p in ("x/a/b", "x/b", "x/d", "x/c", "x/a", "x") if writes(p)} == {
        "x/a/b",
        "x/b",
        "x/d",
    }
    # Another role that was given to no group is not widened by it.
    two = [*roles, role("s", "read:contents!path={group}/**", groups=["s"])]
    other = policy(two).with_people(people(person("ann", ["g/a"], ["s"]), g=["r"]))
    assert [rule.role for rule in other.explain(ANN, read("g/a/x"))] == ["r"]


def test_expired_grants():
    """What has ended is none, at that very second."""
    until = [Grant("r", NOW, "x")]
    compiled = policy([role("r", "read")])
    by_name, by_group = person("ann", roles=until), person("bob", ["a"])
    for now, answer in [(NOW - 1, True), (NOW, False), (NOW + 1, False)]:
        given = compiled.with_people(people(by_name, by_group, now=now, a=until))
        for username in ("ann", "bob"):
            assert given.decide(Subject(username), read("x")).allowed is answer
    assert not given.decide(Subject("cy", ("a",)), read("x"))


def test_base_permissions_may_be_given_to_nobody():
    """They are everybody's who is signed in; to name them in a grant changes nothing."""
    base = Policy([read_base_permissions(["read:ui"], GRAMMAR)])
    given = base.with_people(people(g=["base_permissions"]))
    question = Question("read", Resource("ui"))
    assert given.decide(ANN, question)
    assert not given.decide(Subject(GUEST, (GUEST,), GUEST), question)


@pytest.mark.parametrize("state", ["invited", "unverified", "awaiting", "blocked"])
@pytest.mark.parametrize("kind", ["user", "token"])
def test_who_may_not_act(state, kind):
    """Who is not active has no role at all, however they are signed in and whoever gave it."""
    roles = [
        role("all", "*", users=["*"]),
        role("name", "*", users=["ann"]),
        role("group", "*", groups=["g"]),
    ]
    compiled = policy(roles, {"g": ["ann"]})
    given = compiled.with_people(people(person("ann", ["g"], ["all"], state), g=["all"]))
    subject = Subject("ann", ("g",), kind)
    for scope in ("this", "any", "way"):
        question = Question("read", Resource("contents", path="a"), scope)
        assert given.decide(subject, question).reason == "no-role"
        assert given.explain(subject, question) == ()
        assert given.decide(Subject("ann", ("g",), kind, ("*",)), question).reason == "no-role"
        # Whom the store does not know is known to others.
        assert given.decide(Subject("bob", (), kind), question)
        # Where the store is lost, nobody may.
        lost = compiled.with_people(LostPeople())
        assert lost.decide(Subject("bob", ("g",), kind), question).reason == "no-role"
    back = given.with_people(people(person("ann")))
    assert back.decide(subject, read("a"))


def test_guests():
    """A guest has what is given to the group of guests; neither everybody's nor its name's."""
    roles = [
        role("all", "*", users=["*"]),
        role("name", "*", users=[GUEST]),
        role("in", "*", groups=["team"]),
        role("given", "*"),
        role("guests", "read:contents!path=welcome/**", groups=[GUEST]),
    ]
    plain = policy(roles, {"team": [GUEST]})
    # Somebody has an account of that very name.
    given = plain.with_people(people(person(GUEST, ["team"], ["given"])))
    guest = Subject(GUEST, (GUEST,), GUEST)
    for compiled in (plain, given):
        assert compiled.groups_of(guest) == (GUEST,)
        assert compiled.decide(guest, read("welcome/a"))
        for question in (read("a"), Question("read", Resource("ui")), read("team/a")):
            assert compiled.decide(guest, question).reason == "no-role"
        # Whoever is signed in by that name is no guest, also right after one has asked.
        assert compiled.decide(Subject(GUEST), read("a"))
        assert compiled.decide(guest, read("a")).reason == "no-role"
    # What is given to their group in the store is theirs; to block the name blocks no visitor.
    more = plain.with_people(people(person(GUEST, state="blocked"), guest=["given"]))
    assert more.decide(guest, read("a"))
    assert not more.decide(Subject(GUEST), read("a"))


def test_limits():
    """A token may never more than its owner, nor than it was made for."""
    owner = [role("r", "read,write:contents", deny=["write:contents!path=secret/**"])]
    compiled = policy(owner).with_people(people(person("ann", roles=["r"])))

    def may(action, path, *limits, subject="ann"):
        token = Subject(subject, (), "token", limits)
        return compiled.decide(token, Question(action, Resource("contents", path=path))).reason

    assert may("read", "a", "read:contents!path=a/**") == "allowed"
    assert may("read", "b", "read:contents!path=a/**") == "token"
    assert may("write", "a", "read:contents!path=a/**") == "token"
    assert may("write", "a", "*") == "allowed"
    assert may("write", "secret/a", "*") == "denied-by-role"
    assert may("execute", "a", "*") == "no-role"
    assert may("read", "a", "*", subject="bob") == "no-role"
    assert may("read", "ann/a", "read:contents!path={username}/**") == "allowed"
    assert may("read", "bob/a", "read:contents!path={username}/**") == "token"
    assert may("read", "a", "execute:kernels", "read:contents") == "allowed"
    # Asked for all below: the limits must cover all below.
    whole = Question("write", Resource("contents", path="a", whole=True))
    assert not compiled.decide(Subject("ann", (), "token", ("write:contents!path=a",)), whole)
    assert compiled.decide(Subject("ann", (), "token", ("write:contents!path=a/**",)), whole)


@pytest.mark.parametrize(
    "limits",
    [
        (),
        ("read:starships",),
        ("read:contents", "read:starships"),
        ("sing",),
        ("",),
        ("read:contents!path={group}/**",),
        ("read:contents!colour=red",),
        (None,),
    ],
)
def test_limits_that_are_none(limits):
    """A type that is not known any more, or whatever is no permission: nothing may be done."""
    compiled = policy([role("r", "*", users=["*"])])
    for question in (read("a"), Question("read", Resource("ui"), "any")):
        assert compiled.decide(Subject("ann", (), "token", limits), question).reason == "token"
    assert compiled.decide(ANN, read("a"))


def test_limits_without_a_reader():
    """A policy that cannot read limits lets a limited token do nothing."""
    compiled = Policy(read_roles([role("r", "*", users=["*"])], GRAMMAR))
    assert compiled.decide(Subject("ann", (), "token", ("*",)), read("a")).reason == "token"


def test_remembering_limits_is_bounded(monkeypatch):
    """However many tokens there are, memory does not grow without end."""
    monkeypatch.setattr("jupyter_authz.policy.engine._MOST_RESOLVED", 10)
    compiled = policy([role("r", "*", users=["*"])])
    for number in range(50):
        limits = (f"read:contents!path=p{number}/**",)
        assert compiled.decide(Subject("ann", (), "token", limits), read(f"p{number}/x"))
    assert len(compiled._limits) <= 10


# ------------------------------------------------------------------ against the specification

configured = st.tuples(strategies.roles(), strategies.memberships)
asked = st.lists(strategies.questions, min_size=1, max_size=6)
ends = st.sampled_from([None, None, NOW + 1, NOW, NOW - 1])
names = st.sampled_from(["role0", "role1", "role2", "gone"])
grants = st.lists(st.builds(Grant, names, ends, st.just("x")), max_size=3).map(tuple)
states = st.sampled_from(["active"] * 5 + ["blocked", "invited"])
some_groups = st.lists(st.sampled_from(strategies.GROUPS), unique=True, max_size=2)
stored = st.dictionaries(
    st.sampled_from(strategies.USERS), st.tuples(some_groups, grants, states), max_size=3
)
given_to_groups = st.dictionaries(st.sampled_from(strategies.GROUPS), grants, max_size=2)


def as_plain_roles(roles, persons, given):
    """Write what people were given into the roles themselves."""
    found = []
    for one in roles:
        users = [u for u, (_, held, _) in persons.items() if _is_given(one["name"], held)]
        groups = [g for g, held in given.items() if _is_given(one["name"], held)]
        found.append(
            {
                **one,
                "users": [*one.get("users", ()), *users],
                "groups": [*one.get("groups", ()), *groups],
            }
        )
    return found


def _is_given(name, held):
    return any(g.role == name and (g.expires is None or g.expires > NOW) for g in held)


def as_plain_memberships(memberships, persons):
    """Write who is in which group of the store into the memberships of the configuration."""
    found = {group: list(users) for group, users in memberships.items()}
    for username, (groups, _, _) in persons.items():
        for group in groups:
            found.setdefault(group, []).append(username)
    return found


def given_people(persons, given):
    return GrantedPeople(
        Snapshot(
            Mark(1, "m"),
            {u: person(u, g, held, state) for u, (g, held, state) in persons.items()},
            {},
            {},
            given,
        ),
        NOW,
    )


@settings(max_examples=120, deadline=None)
@given(configured, st.tuples(stored, given_to_groups), strategies.subjects, asked)
def test_engine_is_the_reference(configured, held, subject, questions):
    """People's groups and grants decide as if roles and configuration had said the same."""
    roles, memberships = configured
    persons, given = held
    compiled = policy(roles, memberships).with_people(given_people(persons, given))
    plain = as_plain_roles(roles, persons, given)
    added = as_plain_memberships(memberships, persons)
    may_act = subject.username not in persons or persons[subject.username][2] == "active"
    for question in questions:
        expected = may_act and reference.decide(plain, added, TYPES, subject, question)
        assert compiled.decide(subject, question).allowed is expected, question
        effects = {rule.effect for rule in compiled.explain(subject, question)}
        assert (effects == {"allow"}) is expected, question


@settings(max_examples=60, deadline=None)
@given(configured, st.tuples(stored, given_to_groups), strategies.subjects, asked)
def test_guests_are_the_reference(configured, held, subject, questions):
    """A guest is in its groups only: no role names it, and nobody else's groups are its."""
    roles, memberships = configured
    persons, given = held
    guest = Subject(subject.username, subject.groups, GUEST)
    compiled = policy(roles, memberships).with_people(given_people(persons, given))
    plain = [{**one, "users": []} for one in as_plain_roles(roles, persons, given)]
    for question in questions:
        # Whoever has the same name may have asked before.
        compiled.decide(subject, question)
        expected = reference.decide(plain, {}, TYPES, guest, question)
        assert compiled.decide(guest, question).allowed is expected, question


@settings(max_examples=80, deadline=None)
@given(
    configured,
    st.lists(strategies.permissions(["{username}"]), min_size=1, max_size=3),
    strategies.subjects,
    asked,
)
def test_limits_are_the_reference(configured, limits, subject, questions):
    """Allowed is what the owner may and a role for everybody of the limits would allow."""
    roles, memberships = configured
    token = Subject(subject.username, subject.groups, "token", tuple(limits))
    compiled = policy(roles, memberships)
    of_token = [{"name": "token", "users": ["*"], "allow": limits}]
    for question in questions:
        owner = reference.decide(roles, memberships, TYPES, subject, question)
        within = reference.decide(of_token, {}, TYPES, Subject(subject.username), question)
        decision = compiled.decide(token, question)
        assert decision.allowed is (owner and within), question
        assert (decision.reason == "token") is (owner and not within)
