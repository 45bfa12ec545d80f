"""Paths as the engine compares them."""

from __future__ import annotations

import os

import pytest

from jupyter_authz.policy.paths import normalise


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ""),
        ("/", ""),
        ("//", ""),
        (".", ""),
        ("./", ""),
        ("a", "a"),
        ("/a/b/", "a/b"),
        ("a//b", "a/b"),
        ("///a///b///", "a/b"),
        ("a/./b", "a/b"),
        ("a/.", "a"),
        ("./a", "a"),
        (".hidden/a", ".hidden/a"),
        ("a/...", "a/..."),
        ("a/..b/b..", "a/..b/b.."),
        ("a b/ c ", "a b/ c "),
        ("é/ß/日本", "é/ß/日本"),
        ("e\u0301", "e\u0301"),
        ("%2e%2e/a", "%2e%2e/a"),
        ("a%2Fb", "a%2Fb"),
        ("drive:a/b", "drive:a/b"),
    ],
)
def test_paths_are_normalised(path, expected):
    """Slashes at the ends, doubled ones and dots go; nothing else is changed."""
    assert normalise(path) == expected


@pytest.mark.parametrize(
    "path",
    ["..", "../a", "a/..", "a/../b", "/..", "a//../b", "a/./../b", "a\0", "\0", "a/\0/b", "./.."],
)
def test_what_could_lead_elsewhere_is_unknown(path):
    """A path that text alone cannot follow is unknown, so that only denies match it."""
    assert normalise(path) is None


def test_backslashes_separate_where_the_system_says_so(monkeypatch):
    """Where backslashes separate directories, a path with one is unknown."""
    assert normalise("a\\..\\b") == "a\\..\\b" if os.sep == "/" else True
    monkeypatch.setattr(os, "sep", "\\")
    assert normalise("a\\b") is None


@pytest.mark.parametrize("path", ["a/b", "", "/a//b/./c/", ".hidden"])
def test_normalising_twice_is_normalising_once(path):
    """What is normalised stays as it is."""
    assert normalise(normalise(path)) == normalise(path)
