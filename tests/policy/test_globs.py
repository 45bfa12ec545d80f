"""Globs inside a segment: what they match, and that the index finds exactly those."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_authz.policy.globs import GlobIndex
from jupyter_authz.policy.patterns import Glob, parse_pattern

TEXTS = st.text("ab*", max_size=6)
GLOBS = (
    st.lists(st.sampled_from(["*", "?", "a", "b", "ab", "%2A"]), min_size=2, max_size=6)
    .map("".join)
    .filter(lambda text: "**" not in text)
)


def regex_of(text):
    wild = {"*": ".*", "?": ".", "%2A": r"\*"}
    return "".join(wild.get(piece, piece) for piece in re.findall("%2A|.", text))


@settings(max_examples=500)
@given(st.lists(GLOBS, max_size=8, unique=True), TEXTS)
def test_index_finds_what_matches(texts, segment):
    """Looking a segment up gives every glob that matches it, once, and no other."""
    index = GlobIndex()
    expected = []
    for text in texts:
        (glob,) = parse_pattern(text)
        if isinstance(glob, Glob):
            assert index.get(glob) is None
            index.add(glob, text)
            assert index.get(glob) == text
            matched = re.fullmatch(regex_of(text), segment) is not None
            assert glob.matches(segment) is matched
            if matched:
                expected.append(text)
    assert sorted(index.find(segment)) == sorted(expected)
    assert set(expected) <= set(index.targets())


@pytest.mark.parametrize(
    ("glob", "segment", "matched"),
    [
        ("*.csv", ".csv", True),
        ("*.csv", "a.csv.gz", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("a.c*", "abc", False),
        ("?", "é", True),
        ("*\n", "a\n", True),
        ("a*", "a\nb", True),
        ("??*", "a", False),
    ],
)
def test_globs_match_whole_segments(glob, segment, matched):
    """A glob matches every character of a segment or does not match."""
    (parsed,) = parse_pattern(f"{glob}")
    if isinstance(parsed, Glob):
        assert parsed.matches(segment) is matched


def test_many_wildcards_take_no_time():
    """A glob with many `*` on a long segment that almost matches does not backtrack."""
    (glob,) = parse_pattern("*".join("a" * 120) + "*b")
    start = time.perf_counter()
    assert not glob.matches("a" * 2000)
    assert time.perf_counter() - start < 5
