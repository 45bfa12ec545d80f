"""The engine against the specification in code, and the properties that hold whatever is written."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.policy.engine import Policy, fold
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_base_permissions, read_memberships, read_roles
from jupyter_authz.resources.types import TYPES

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import reference  # noqa: E402 - tests are not a package
import strategies  # noqa: E402 - tests are not a package

GRAMMAR = Grammar(TYPES)
ANN = Subject("ann", ("a/b",))


def policy(roles, memberships=None, **options):
    return Policy(read_roles(roles, GRAMMAR), read_memberships(memberships or {}), **options)


def role(*allow, deny=(), name="r", **whom):
    found = {"name": name, **(whom or {"users": ["*"]})}
    if allow:
        found["allow"] = list(allow)
    if deny:
        found["deny"] = list(deny)
    return found


def asks(roles, question, subject=ANN, **options):
    return policy(roles, **options).decide(subject, question)


def contents(action, path, **more):
    return Question(action, Resource("contents", path=path, whole=more.pop("whole", False)), **more)


situations = {
    "roles": strategies.roles(),
    "memberships": strategies.memberships,
    "subject": strategies.subjects,
    "questions": st.lists(strategies.questions, min_size=1, max_size=8),
}


@pytest.mark.parametrize("folded", [False, True])
@settings(max_examples=250, deadline=None)
@given(**situations)
def test_engine_is_the_reference(folded, roles, memberships, subject, questions):
    """Whatever the policy and whatever is asked, the engine decides as the specification."""
    compiled = policy(roles, memberships, case_folded_denies=folded)
    for question in questions:
        expected = reference.decide(
            roles, memberships, TYPES, subject, question, fold if folded else None
        )
        assert compiled.decide(subject, question).allowed is expected, question


@settings(max_examples=250, deadline=None)
@given(**situations, folded=st.booleans())
def test_explain_agrees(folded, roles, memberships, subject, questions):
    """Allowed is where explain lists an allow and no deny; the reason says which it was."""
    compiled = policy(roles, memberships, case_folded_denies=folded)
    for question in questions:
        effects = {rule.effect for rule in compiled.explain(subject, question)}
        decision = compiled.decide(subject, question)
        assert decision.allowed is (effects == {"allow"}), question
        assert (decision.reason == "denied-by-role") is ("deny" in effects), question
