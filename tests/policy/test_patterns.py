"""Patterns: how they are read, and the plain definition of what they match."""

from __future__ import annotations

import time

import pytest

from jupyter_authz.errors import PolicyError
from jupyter_authz.policy.patterns import COVER, MATCH, REACH, Wild, matches, parse_pattern
from jupyter_authz.policy.subjects import Binding

ANN = Binding("ann", "team/data/x", "team")


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("/", ()),
        ("a", ("a",)),
        ("/a/b/", ("a", "b")),
        ("**", (Wild.DEEP,)),
        ("a/**/**/b", ("a", Wild.DEEP, "b")),
        ("*/{username}", (Wild.ONE, Wild.USERNAME)),
        ("{group}/{subgroup}", (Wild.GROUP, Wild.SUBGROUP)),
        ("%2A%2a", ("**",)),
        ("%7Busername%7D", ("{username}",)),
        ("%26%3F%25", ("&?%",)),
        ("...", ("...",)),
    ],
)
def test_patterns_are_read(text, segments):
    """Slashes at the ends mean nothing, and escapes are literal text."""
    assert parse_pattern(text) == segments


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a pattern after '='"),
        ("//", "'//'"),
        ("a//b", "'//'"),
        ("a//", "'//'"),
        ("a/./b", "cannot be '.'"),
        ("..", "cannot be '..'"),
        ("a**", "must be a whole segment, found 'a**'"),
        ("***", "must be a whole segment"),
        ("{user}", "unknown placeholder in '{user}'"),
        ("x{username}", "unknown placeholder in 'x{username}'"),
        ("a}", "unknown placeholder in 'a}'"),
        ("a%2Fb", "unknown escape '%2F'"),
        ("50%", "unknown escape '%'"),
        ("a\0", "NUL"),
    ],
)
def test_what_is_no_pattern_says_why(text, said):
    """An error quotes what is wrong and says what was expected."""
    with pytest.raises(PolicyError) as raised:
        parse_pattern(text)
    assert said in str(raised.value)


# pattern, path, whether it matches it, covers it with all below, reaches it or something below
TRUTHS = [
    ("a", "a", True, False, True),
    ("a", "a/b", False, False, False),
    ("a", "", False, False, True),
    ("course", "course2", False, False, False),
    ("course/**", "course2", False, False, False),
    ("a/**", "a", True, True, True),
    ("a/**", "a/b/c", True, True, True),
    ("a/**", "", False, False, True),
    ("/", "", True, False, True),
    ("/", "a", False, False, False),
    ("**", "", True, True, True),
    ("*", "", False, False, True),
    ("*/b", "a", False, False, True),
    ("a/**/b", "a/b", True, False, True),
    ("a/**/b", "a/x/y/b", True, False, True),
    ("a/**/b", "a/x", False, False, True),
    ("a/**/b/**", "a/x", False, False, True),
    ("a/**/b/**", "a/x/b/c", True, True, True),
    ("**/*.csv", "a/b.csv", True, False, True),
    ("A", "a", False, False, False),
    ("{username}/**", "ann/x", True, True, True),
    ("{group}", "team/data/x", True, False, True),
    ("{group}", "team/data", False, False, True),
    ("{group}", "team/other", False, False, False),
    ("{group}/**", "team", False, False, True),
    ("{subgroup}/a", "data/x/a", True, False, True),
]


@pytest.mark.parametrize(("pattern", "path", "match", "cover", "reach"), TRUTHS)
def test_plain_definition(pattern, path, match, cover, reach):
    """What matches, what covers all below, and what could match something below."""
    parsed = parse_pattern(pattern)
    found = [matches(parsed, path, ANN, mode) for mode in (MATCH, COVER, REACH)]
    assert found == [match, cover, reach]


def test_many_deep_wildcards_take_no_time():
    """Many `**` on a deep path that almost matches take no more than length times length."""
    pattern = parse_pattern("**/a/" * 12 + "b")
    start = time.perf_counter()
    assert not matches(pattern, "/".join("a" * 300), ANN)
    assert time.perf_counter() - start < 5
