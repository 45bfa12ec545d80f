"""The engine against the specification in code, and what holds whatever is written."""

from __future__ import annotations

import sys

import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from policy import strategies

from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.paths import fold
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_memberships, read_roles
from jupyter_authz.resources.types import TYPES

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
@settings(max_examples=200, deadline=None)
@given(**situations)
def test_engine_is_the_reference(folded, roles, memberships, subject, questions):
    """Whatever the policy and whatever is asked, the engine decides as the specification."""
    compiled = policy(roles, memberships, case_folded_denies=folded)
    for question in questions:
        expected = reference.decide(
            roles, memberships, TYPES, subject, question, fold if folded else None
        )
        assert compiled.decide(subject, question).allowed is expected, question


@settings(max_examples=200, deadline=None)
@given(strategies.dense_roles(), strategies.dense_subjects)
def test_engine_is_the_reference_where_rules_meet(roles, subject):
    """Where several rules match nearly everything, every path there is is decided alike."""
    compiled = policy(roles)
    for question in strategies.DENSE_QUESTIONS:
        expected = reference.decide(roles, {}, TYPES, subject, question)
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


@settings(max_examples=150, deadline=None)
@given(**situations, denied=strategies.permissions(["{username}"]))
def test_adding_a_deny_never_grants(denied, roles, memberships, subject, questions):
    """Whatever is denied in addition, nothing becomes allowed by it."""
    before = policy(roles, memberships)
    more = [*roles, {"name": "more", "users": ["*"], "deny": [denied]}]
    after = policy(more, memberships)
    for question in questions:
        assert before.decide(subject, question) or not after.decide(subject, question)


@settings(max_examples=150, deadline=None)
@given(**situations, chance=st.randoms(use_true_random=False))
def test_order_never_matters(chance, roles, memberships, subject, questions):
    """Roles, rules and whom they apply to may be written in any order."""
    shuffled = [dict(role) for role in roles]
    chance.shuffle(shuffled)
    for role in shuffled:
        for key in {"users", "groups", "allow", "deny"} & role.keys():
            role[key] = chance.sample(role[key], len(role[key]))
    one, other = policy(roles, memberships), policy(shuffled, memberships)
    for question in questions:
        assert one.decide(subject, question) == other.decide(subject, question)


@settings(max_examples=100, deadline=None)
@given(**situations)
def test_deciding_changes_nothing(roles, memberships, subject, questions):
    """The same question has the same answer, whatever was asked before."""
    compiled = policy(roles, memberships)
    first = [compiled.decide(subject, question) for question in questions]
    for _ in range(2):
        assert [compiled.decide(subject, question) for question in questions] == first
    fresh = [policy(roles, memberships).decide(subject, question) for question in questions]
    assert fresh == first


@settings(max_examples=300, deadline=None)
@given(strategies.dense_roles(), strategies.dense_subjects, st.booleans())
def test_what_is_so_throughout(roles, subject, folded):
    """What is allowed of a directory as a whole is of all below; where none may be, none is."""
    compiled = policy(roles, case_folded_denies=folded)
    for directory in strategies.DENSE_PATHS:
        every = compiled.decide(subject, contents("read", directory, whole=True))
        some = compiled.decide(subject, contents("read", directory, scope="way"))
        prefix = f"{directory}/" if directory else ""
        for path in strategies.DENSE_PATHS:
            if not path.startswith(prefix) or path == directory:
                continue
            for scope in ("this", "way"):
                found = compiled.decide(subject, contents("read", path, scope=scope))
                assert found or not every
                assert some or not found


def test_default_deny_and_deny_wins():
    """What no role grants is denied, and a matching deny beats every allow."""
    question = contents("read", "a")
    assert asks([], question).reason == "no-role"
    assert asks([role("read")], question).reason == "allowed"
    assert asks([role("read", "*", deny=["read:contents!path=a"])], question).reason == (
        "denied-by-role"
    )


def test_unknown_attributes():
    """What is unknown matches no allow with that filter and every deny with it."""
    question = Question("execute", Resource("kernels", owner="ann", name="py"))
    assert asks([role("execute:kernels")], question)
    assert asks([role("execute:kernels!owner=ann")], question)
    assert not asks([role("execute:kernels!path=**")], question)
    assert not asks([role("execute", deny=["execute:kernels!path=zz"])], question)
    assert not asks([role("execute", deny=["execute:kernels!path=zz&owner=ann"])], question)
    assert asks([role("execute", deny=["execute:kernels!path=zz&owner=bob"])], question)
    assert asks([role("read", deny=["read:kernels!path=zz"])], contents("read", "a"))


def test_several_values():
    """One and the same allow must match all values; a deny need match but one."""
    question = Question("execute", Resource("kernels", path=("a/x", "b/y")))
    both = [role("execute:kernels!path=a/**", "execute:kernels!path=b/**")]
    assert not asks(both, question)
    assert asks([role("execute:kernels!path=*/**")], question)
    assert not asks([role("execute", deny=["execute:kernels!path=b/**"])], question)
    groups = Subject("ann", ("a", "b"))
    assert not asks([role("execute:kernels!path={group}/**", groups=["a", "b"])], question, groups)


def test_group_placeholders_are_bound_once():
    """In one permission, `{group}` and `{subgroup}` stand for one group of one role throughout."""
    subject = Subject("ann", ("t/a", "t/b"))
    roles = [role("read:contents!path={group}/x/{subgroup}", groups=["t"])]
    assert asks(roles, contents("read", "t/a/x/a"), subject)
    assert asks(roles, contents("read", "t/b/x/b"), subject)
    assert not asks(roles, contents("read", "t/a/x/b"), subject)
    other = [role("read:kernels!path={group}/**&name={subgroup}", groups=["t"])]
    assert asks(other, Question("read", Resource("kernels", path="t/a/f", name="a")), subject)
    assert not asks(other, Question("read", Resource("kernels", path="t/a/f", name="b")), subject)
    # Another role's groups do not count, even where the pattern is the same.
    two = [
        role("read:contents!path={subgroup}/**", name="one", groups=["t"]),
        role("read:contents!path={subgroup}/**", name="two", users=["ann"], groups=["u"]),
    ]
    assert asks(two, contents("read", "a/f"), subject)
    assert not asks(two[1:], contents("read", "a/f"), subject)
    # Nor does the deny of a role with another group.
    three = [
        role("read:contents!path={group}/x", name="one", groups=["a"]),
        role(deny=["read:contents!path={group}/x"], name="two", groups=["b"]),
    ]
    assert asks(three, contents("read", "a/x"), Subject("ann", ("a", "b")))
    assert not asks(three, contents("read", "b/x"), Subject("ann", ("a", "b")))
    assert not asks(three[1:], contents("read", "a/x"), Subject("ann", ("a", "b")))


def test_placeholder_without_a_group_is_no_permission():
    """Where a placeholder stands for nothing, the permission neither allows nor denies."""
    subject = Subject("ann", ("t",))
    unknown = Question("read", Resource("contents"))
    rule = "read:contents!path={subgroup}/**"
    below = role("read", deny=[rule], users=["ann"], groups=["t"])
    assert asks([below], contents("read", "a"), subject)
    assert asks([below], unknown, subject)
    assert not asks([below], unknown, Subject("ann", ("t/a",)))
    everybody = role("read", deny=["read:contents!path={group}/**"], users=["*"], groups=["t"])
    assert asks([everybody], unknown, Subject("bob"))
    assert not asks([everybody], unknown, subject)
    at_least_one = Question("read", Resource("contents"), "any")
    assert not asks([role(rule, groups=["t"])], at_least_one, subject)


def test_ladder_of_compute_types():
    """For running code, execute allows what is below it and a denied read denies what is above."""
    for allowed, asked, answer in [
        ("execute", "read", True),
        ("execute", "write", True),
        ("write", "read", True),
        ("read", "write", False),
        ("write", "execute", False),
    ]:
        question = Question(asked, Resource("terminals"))
        assert asks([role(f"{allowed}:terminals")], question).allowed is answer
        assert asks([role("*", deny=[f"{asked}:terminals"])], question).allowed is False
    deny_read = [role("*", deny=["read:kernels"])]
    assert not asks(deny_read, Question("execute", Resource("kernels")))
    deny_execute = [role("*", deny=["execute:kernels"])]
    assert asks(deny_execute, Question("write", Resource("kernels")))
    assert not asks([role("write:contents")], contents("read", "a"))


def test_whole_directories():
    """An allow must cover all below, and a deny that could match something below refuses."""
    whole = contents("write", "a/b", whole=True)
    assert asks([role("write:contents!path=a/**")], whole)
    assert asks([role("write:contents!path=a/b/**")], whole)
    assert not asks([role("write:contents!path=a/b")], whole)
    assert not asks([role("write:contents!path=a/*", "write:contents!path=a/b/c/**")], whole)
    for deny in ("a/b/secret/**", "**/x.csv", "a/b/c/d/e", "a/*/c", "{username}/**"):
        found = asks([role("write", deny=[f"write:contents!path={deny}"])], whole)
        assert found.allowed is deny.startswith("{"), deny
    assert asks([role("write", deny=["write:contents!path=a/c/**"])], whole)


def test_way_to_something_readable():
    """A directory may be read where something below may, unless a deny covers it whole."""
    roles = [role("read:contents!path=a/b/c/**")]
    for path in ("", "a", "a/b", "a/b/c", "a/b/c/d"):
        assert asks(roles, contents("read", path, scope="way")), path
    assert not asks(roles, contents("read", "a"))
    assert not asks(roles, contents("read", "b", scope="way"))
    covered = [*roles, role(deny=["read:contents!path=a/b/**"], name="no")]
    assert asks(covered, contents("read", "a", scope="way"))
    assert not asks(covered, contents("read", "a/b", scope="way"))
    assert not asks([*roles, role(deny=["read"], name="no")], contents("read", "a", scope="way"))


def test_way_without_a_path():
    """Without one known path there is no way to follow: it is decided as it stands."""
    roles = [role("read:contents!path=a/**")]
    assert not asks(roles, Question("read", Resource("contents"), "way"))
    assert asks([role("read:contents")], Question("read", Resource("contents"), "way"))


def test_wide_questions_with_more_than_a_path():
    """What lies below may have any owner: no allow that asks for one, every deny counts."""
    way = Question("read", Resource("kernels", path="a", owner="ann"), "way")
    assert asks([role("read:kernels!path=a/b/**")], way)
    assert not asks([role("read:kernels!path=a/b/**&owner=ann")], way)
    assert asks([role("read:kernels!path=a/**&owner=ann")], way)
    assert not asks([role("read:kernels!path=a/**&owner=bob")], way)
    whole = Question("read", Resource("kernels", path="a", owner="ann", whole=True))
    for deny in ("path=a/b&owner=bob", "owner=ann", "path=a/b"):
        assert not asks([role("read", deny=[f"read:kernels!{deny}"])], whole), deny
    for deny in ("path=b&owner=ann", "owner=bob"):
        assert asks([role("read", deny=[f"read:kernels!{deny}"])], whole), deny


def test_at_least_one():
    """Asked about any resource of a type, denies with a filter do not falsify it."""
    question = Question("read", Resource("kernels"), "any")
    assert asks([role("read:kernels!path=zz&owner=nobody")], question)
    assert asks([role("read", deny=["read:kernels!path=**"])], question)
    assert not asks([role("read", deny=["read:kernels"])], question)
    assert not asks([role("read:contents")], question)


def test_unknown_action_is_denied():
    """What is none of the three actions is denied, even to `*`."""
    for resource in (Resource("kernels"), Resource("contents", path="a")):
        question = Question("sing", resource)
        assert asks([role("*")], question).reason == "no-role"
        assert policy([role("*")]).explain(ANN, question) == ()


@pytest.mark.parametrize(
    ("deny", "path"),
    [
        ("Secret/**", "sEcReT/a"),
        ("straße", "STRASSE"),
        ("stra?e", "straße"),
        ("caf\u00e9", "CAFE\u0301"),
        ("{username}/x", "ANN/X"),
        ("{group}/*.CSV", "A/b/f.csv"),
        ("**/A*z", "q/aZ"),
    ],
)
def test_case_folded_denies(deny, path):
    """Where the file system takes no notice of case, nor do denies; allows always do."""
    roles = [role("read", deny=[f"read:contents!path={deny}"], groups=["a"])]
    assert not asks(roles, contents("read", path), case_folded_denies=True)
    allow = [role(f"read:contents!path={deny}", groups=["a"])]
    plain = asks(allow, contents("read", path))
    assert asks(allow, contents("read", path), case_folded_denies=True) == plain


def test_placeholders_are_folded():
    """What a placeholder stands for in a deny is folded as well."""
    subject = Subject("Ann", ("A/B",))
    for deny in ("{username}/x", "{group}/x", "A/{subgroup}/x"):
        roles = [role("read", deny=[f"read:contents!path={deny}"], groups=["A"])]
        for path in ("aNN/X", "ANN/x") if "user" in deny else ("a/b/X", "A/b/x"):
            assert not asks(roles, contents("read", path), subject, case_folded_denies=True), path
            assert policy(roles, case_folded_denies=True).explain(subject, contents("read", path))


def test_folding_never_narrows_a_deny():
    """What a deny matches as it is written, it matches with folding too."""
    roles = [role("read", deny=["read:contents!path=stra?e"])]
    for folded in (False, True):
        assert not asks(roles, contents("read", "straße"), case_folded_denies=folded)


def test_names_are_lower_case():
    """Kernelspecs are resolved in lower case, and so are filters on names."""
    roles = [role("execute:kernels!name=Python3", "read:authz!name={username}")]
    assert asks(roles, Question("execute", Resource("kernels", name="python3")))
    assert asks(roles, Question("read", Resource("authz", name="ann")), Subject("Ann"))


def test_subjects_are_kept_apart():
    """What is remembered about a subject is not another's, nor of the same name in other groups."""
    compiled = policy([role("*", groups=["a"])])
    question = Question("read", Resource("ui"))
    answers = [compiled.decide(Subject("ann", groups), question) for groups in (("a",), (), ("b",))]
    assert [answer.allowed for answer in answers] == [True, False, False]


def test_remembering_is_bounded(monkeypatch):
    """However many subjects and types are asked about, memory does not grow without end."""
    monkeypatch.setattr("jupyter_authz.policy.engine._MOST_RESOLVED", 10)
    compiled = policy([role("read")])
    for number in range(100):
        assert compiled.decide(Subject(f"user{number}"), Question("read", Resource("ui")))
        assert not compiled.decide(Subject("ann"), Question(f"a{number}", Resource("ui")))
    assert len(compiled._resolved) <= 10


HOSTILE = [
    ["**/a/" * 8 + "b"],
    [f"report-*-{n}.csv" for n in range(3000)],
    [f"*x{n}y*" for n in range(3000)],
    [f"d{n}/**/x{n % 7}/**/y/**" for n in range(1000)] + ["**/x/**/y/**/z"],
    [f"{'*/' * (n % 9)}a{n}/**" for n in range(3000)],
]


@pytest.mark.parametrize("patterns", HOSTILE, ids=range(len(HOSTILE)))
def test_work_does_not_grow_with_hostile_patterns(patterns):
    """Counted in steps: long paths of few segments against patterns that almost match."""
    compiled = policy([role(*(f"read:contents!path={pattern}" for pattern in patterns))])
    steps = 0

    def count(frame, event, argument):
        nonlocal steps
        steps += 1

    paths = ["/".join("a" * 60), "report-x-y.csv", "x1z/x2z", "d1/" + "x1/" * 30 + "y"]
    questions = [contents("read", path) for path in paths]
    for question in questions:
        compiled.decide(ANN, question)
    sys.setprofile(count)
    for question in questions:
        compiled.decide(ANN, question)
    sys.setprofile(None)
    assert steps < 60_000
