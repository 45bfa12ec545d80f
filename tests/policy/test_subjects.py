"""Subjects: which roles apply to them, and what placeholders stand for."""

from __future__ import annotations

import pytest

from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.patterns import Wild
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_memberships, read_roles
from jupyter_authz.policy.subjects import Binding, Memberships, bindings_of, lineage
from jupyter_authz.resources.types import TYPES

GRAMMAR = Grammar(TYPES)


def roles(*whom):
    return read_roles(
        [{"name": f"role{n}", "allow": ["*"], **who} for n, who in enumerate(whom)], GRAMMAR
    )


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0b"])
def test_unnameable_subject_is_denied(name):
    """A subject that could not stand for itself in a path is denied everything."""
    policy = Policy(roles({"users": ["*"]}, {"users": ["a/b", "..", "."]}, {"groups": ["g"]}))
    for scope in ("this", "any", "way"):
        question = Question("read", Resource("contents", path="a"), scope)
        assert policy.decide(Subject("ann", ("g",)), question)
        assert policy.decide(Subject(name, ("g",)), question).reason == "no-role"
        assert policy.explain(Subject(name, ("g",)), question) == ()


@pytest.mark.parametrize(
    ("groups", "applies"),
    [
        (("teacher",), True),
        (("teacher/physics",), True),
        (("teacher/physics/a",), True),
        (("teachers",), False),
        (("Teacher",), False),
        (("other/teacher",), False),
        ((), False),
    ],
)
def test_groups_are_hierarchical(groups, applies):
    """A member of a group is a member of those above it, whole segments at a time."""
    people = Memberships(roles({"groups": ["teacher"]}))
    assert people.roles_of(Subject("ann", groups)) == (frozenset({0}) if applies else frozenset())


def test_usernames_are_exact():
    """A username is compared as it is; `*` is everybody."""
    people = Memberships(roles({"users": ["ann"]}, {"users": ["*"]}))
    assert people.roles_of(Subject("ann")) == {0, 1}
    assert people.roles_of(Subject("Ann")) == {1}


def test_lineage():
    """A group and those above it, the nearest first."""
    assert list(lineage("a/b/c")) == ["a/b/c", "a/b", "a"]
    assert list(lineage("a")) == ["a"]


def test_bindings():
    """Placeholders stand for a group the subject is directly in and one of the role's above it."""
    bindings = bindings_of(Subject("ann", ("t/a/b", "u")), frozenset({"t", "t/a", "x"}))
    assert {(b.group, b.anchor) for b in bindings} == {("t/a/b", "t"), ("t/a/b", "t/a")}
    found = {b.anchor: b.segments(Wild.SUBGROUP) for b in bindings}
    assert found == {"t": ("a", "b"), "t/a": ("b",)}
    assert bindings[0].segments(Wild.GROUP) == ("t", "a", "b")
    assert bindings[0].segments(Wild.USERNAME) == ("ann",)
    assert Binding("ann", "t", "t").segments(Wild.SUBGROUP) is None
    assert Binding("ann").segments(Wild.GROUP) is None


def test_configured_groups_are_added():
    """Memberships from configuration come on top of those the subject brings."""
    memberships = read_memberships({"team": ["ann"], "a": ["ann"]})
    policy = Policy(roles({"groups": ["team"]}), memberships)
    assert policy.groups_of(Subject("ann", ("a", "b"))) == ("a", "b", "team")
    question = Question("read", Resource("ui"))
    assert policy.decide(Subject("ann"), question)
    assert not policy.decide(Subject("bob"), question)
