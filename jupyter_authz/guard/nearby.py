"""Rules near a path: those that could match it, so that not every rule need be tried.

Beside the guard's map of routes. A server has some hundred rules, and tornado tries them one after
the other; their patterns begin with literal text, and few of them as the path does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tornado import routing, web
from tornado.routing import AnyMatches, HostMatches, PathMatches
from tornado.web import _ApplicationRouter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tornado.routing import Matcher, Rule, RuleRouter

    # A rule that leads to a target, and those above it whose routers it stands in.
    Leaf = tuple[Rule, tuple[Rule, ...]]

# Paths, and beginnings of them, that are remembered; anybody can make up more.
_MOST_REMEMBERED = 1000
_LONGEST_REMEMBERED = 200  # characters
_LITERAL = re.compile(r"[A-Za-z0-9_/-]*")
# What may hold comments: them, and a part in which white space and `#` mean nothing else.
_COMMENTS = re.compile(r"\(\?(#|[a-zA-Z]*x)")
# Of a regular expression: what is escaped, sets of characters, parentheses and bars.
_TOKENS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]", re.DOTALL)


def leaves(router: RuleRouter, above: tuple[Rule, ...] = ()) -> Iterator[Leaf]:
    """Give the rules that lead to targets, in the order in which they are tried."""
    for rule in router.rules:
        if _is_part(rule.target, router):
            yield from leaves(rule.target, (*above, rule))
        else:
            yield rule, above


def _routers(router: RuleRouter) -> Iterator[RuleRouter]:
    yield router
    for rule in router.rules:
        if _is_part(rule.target, router):
            yield from _routers(rule.target)


def _is_part(target: Any, router: RuleRouter) -> bool:
    """Whether a target is a router of the same application; another's makes its own handlers."""
    # INVARIANT: what a router of somebody's own looks at before it finds a target is not gone
    # around. tests/guard/test_door.py::test_routers_of_others
    return (
        isinstance(target, _ApplicationRouter)
        and target.application is getattr(router, "application", None)
        and is_tornados(target)
    )


def is_tornados(router: Any) -> bool:
    """Whether a router finds its targets as tornado has it."""
    # What was put in has other globals, whatever it says it is.
    found, given = router.find_handler, router.get_target_delegate
    return getattr(found, "__globals__", None) is vars(routing) and getattr(
        given, "__globals__", None
    ) is vars(web)


class Nearby:
    """The rules of a router by the paths that they could match, and by the beginnings of these.

    Drawn anew when a list of rules changes: what is changed within a rule is seen only then.

    Parameters
    ----------
    depth
        How many slashes make a beginning.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        # Every router, and its rules when they were last looked at; anybody adds some at any time.
        self._routers: list[RuleRouter] = []
        self._known: list[list[Rule]] = []
        self._leaves: list[tuple[str, Leaf]] = []
        # By beginning and, as front ends ask for the same again and again, by path.
        self._beginnings: dict[str, tuple[Leaf, ...]] = {}
        self._paths: dict[str, tuple[Leaf, ...]] = {}

    def rules(self, router: RuleRouter, path: str) -> tuple[Leaf, ...]:
        """Give the rules that could match a path, in the order in which they are tried."""
        if self._routers[:1] != [router] or [some.rules for some in self._routers] != self._known:
            self._look_again(router)
        found = self._paths.get(path)
        if found is None:
            found = tuple(leaf for leaf in self._beginning_as(path) if _could_match(leaf, path))
            _remember(self._paths, path, found)
        return found

    def _beginning_as(self, path: str) -> tuple[Leaf, ...]:
        beginning = "/".join(path.split("/", self._depth)[: self._depth])
        found = self._beginnings.get(beginning)
        if found is None:
            found = tuple(
                leaf
                for literal, leaf in self._leaves
                if literal.startswith(beginning) or beginning.startswith(literal)
            )
            _remember(self._beginnings, beginning, found)
        return found

    def _look_again(self, router: RuleRouter) -> None:
        self._routers = list(_routers(router))
        self._known = [list(some.rules) for some in self._routers]
        self._leaves = [
            (
                literal_beginning(rule.matcher),
                (rule, tuple(one for one in above if not matches_all(one.matcher))),
            )
            for rule, above in leaves(router)
        ]
        self._beginnings = {}
        self._paths = {}


def _remember(found: dict[str, tuple[Leaf, ...]], path: str, leaves: tuple[Leaf, ...]) -> None:
    if len(path) > _LONGEST_REMEMBERED:
        return
    if len(found) >= _MOST_REMEMBERED:
        found.clear()
    found[path] = leaves


def _could_match(leaf: Leaf, path: str) -> bool:
    matcher = leaf[0].matcher
    if matcher.__class__ is not PathMatches or "match" in vars(matcher):
        return True
    return matcher.regex.match(path) is not None


def matches_all(matcher: Matcher) -> bool:
    """Whether a matcher matches every request, as those of nearly all routers do."""
    if matcher.__class__ is HostMatches:
        return bool(matcher.host_pattern.pattern == ".*$")
    return matcher.__class__ is AnyMatches


def literal_beginning(matcher: Matcher) -> str:
    """Give text that every path begins with which a matcher matches; nothing where unsure."""
    if matcher.__class__ is not PathMatches:
        return ""
    pattern, flags = matcher.regex.pattern, matcher.regex.flags
    if (
        flags & (re.IGNORECASE | re.VERBOSE)
        or _COMMENTS.search(pattern)
        or _has_alternatives(pattern)
    ):
        return ""
    text = pattern.removeprefix("^")
    literal = _LITERAL.match(text).group()  # type: ignore[union-attr]  # it matches anything
    # What follows may make the last character optional.
    return literal[:-1] if text[len(literal) :].startswith(("*", "?", "{")) else literal


def _has_alternatives(pattern: str) -> bool:
    """Whether a pattern has alternatives outside of parentheses: it may begin with either."""
    depth = 0
    for found in _TOKENS.findall(pattern):
        depth += (found == "(") - (found == ")")
        if found == "|" and depth == 0:
            return True
    return False
