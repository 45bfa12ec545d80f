"""The grammar: what a permission covers, and what is said about one that is none."""

from __future__ import annotations

import pytest

from jupyter_authz.errors import PolicyError
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.resources.types import COMPUTE, TYPES

GRAMMAR = Grammar(TYPES)


def covered(text, name):
    return GRAMMAR.parse(text).scope.types.cover(name)


@pytest.mark.parametrize(
    ("text", "names", "others"),
    [
        ("read:contents", ["contents", "checkpoints", "nbconvert"], ["trust_notebook", "kernels"]),
        ("execute:compute", COMPUTE, ["contents"]),
        ("read:*", ["contents", "ui", "mystery"], ["authz", "ext.x"]),
        ("read", ["contents", "ui", "mystery"], ["authz", "ext.x"]),
        ("read!path=a", ["contents", "kernels", "git"], ["ui", "mystery", "proxy", "ext.x"]),
        ("read:*!path=a&owner=b", ["kernels"], ["contents", "git"]),
        ("read!url=a", ["proxy"], ["ext.x"]),
        ("read!name=a", ["kernels", "kernelspecs"], ["authz"]),
        ("read:ext.pkg!url=a", ["ext.pkg"], ["ext.other"]),
    ],
)
def test_types_covered(text, names, others):
    """Named types, or with filters those that can carry them, or all but a few."""
    assert all(covered(text, name) for name in names)
    assert not any(covered(text, name) for name in others)


@pytest.mark.parametrize("name", ["authz", "ext.pkg"])
def test_types_that_must_be_named(name):
    """Only the bare `*` reaches a type that must be named without naming it."""
    assert covered("*", name)
    assert covered(f"*:{name}", name)
    for text in ("*:*", "read", "read,write,execute", "*!path=**", "*!name=*", "*!url=**"):
        assert not covered(text, name), text


def test_actions():
    """Actions are read, write, execute and `*`, nothing implied."""
    assert GRAMMAR.parse("read,write:contents").scope.actions == {"read", "write"}
    assert GRAMMAR.parse("*:contents").scope.actions == {"read", "write", "execute"}


def test_same_head_is_the_same_scope():
    """A head is read once, however many permissions have it."""
    one, other = GRAMMAR.parse("read:contents!path=a"), GRAMMAR.parse("read:contents!path=b")
    assert one.scope is other.scope
    assert one.scope is not GRAMMAR.parse("read:contents").scope


def test_filters_are_in_one_order():
    """The order in which filters are written does not matter."""
    written = "read:kernels!name=PY&path=a/{username}&owner=*"
    permission = GRAMMAR.parse(written)
    assert [attribute for attribute, _ in permission.filters] == ["path", "owner", "name"]
    assert permission.filters[2][1] == ("py",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["expected a permission such as"]),
        (":contents", ["unknown action ''", "'read', 'write', 'execute' or '*'"]),
        ("raed:contents", ["unknown action 'raed'", "did you mean 'read'?"]),
        ("read,:contents", ["unknown action ''"]),
        ("read, write:contents", ["unknown action ' write'", "did you mean 'write'?"]),
        ("*,read", ["unknown action '*'"]),
        ("READ:contents", ["unknown action 'READ'"]),
        ("read:", ["unknown resource type ''"]),
        ("read:content", ["unknown resource type 'content'", "did you mean 'contents'?"]),
        ("read:contents,", ["unknown resource type ''"]),
        ("read:ext.", ["unknown resource type 'ext.'", "'ext.<package>'"]),
        ("read:ext.a-b", ["unknown resource type 'ext.a-b'"]),
        ("read:contents!", ["unknown filter ''", "'path='"]),
        ("read:contents!path", ["unknown filter 'path'"]),
        ("read:contents!pth=a", ["unknown filter 'pth=a'", "did you mean 'path'?"]),
        ("read:contents!path=a&", ["unknown filter ''"]),
        ("read:contents!path=a&path=b", ["'path' is given twice"]),
        ("read:contents!path=", ["expected a pattern after '='"]),
        ("read:contents!owner=a", ["'contents' have no 'owner'", "expected 'path'"]),
        ("read:contents,ui!path=a", ["'ui' have no 'path'", "expected no filter"]),
        ("read:compute!url=a", ["'compute' have no 'url'"]),
        ("read:ext.pkg!path=a", ["'ext.pkg' have no 'path'", "expected 'url'"]),
        ("read!path=a&url=b", ["no resource type can carry the filters path and url at once"]),
        ("read:contents!path=a**", ["'**' must be a whole segment"]),
        ("read:contents!path={goup}/**", ["unknown placeholder in '{goup}'", "'{group}'"]),
    ],
)
def test_what_is_no_permission_says_why(text, said):
    """An error quotes what is wrong and says what was expected."""
    with pytest.raises(PolicyError) as raised:
        GRAMMAR.parse(text)
    assert all(words in str(raised.value) for words in said), raised.value
