"""Rules near a path are those that tornado itself would find, in the same order."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.routing import HostMatches, PathMatches, Rule
from tornado.web import Application, RequestHandler

from jupyter_authz.guard.nearby import Nearby, leaves, literal_beginning

PATTERNS = [
    r"/a/api/contents",
    r"/a/api/contents(?P<path>(?:(?:/[^/]+)+|/?))/checkpoints",
    r"/a/api/contents(?P<path>(?:(?:/[^/]+)+|/?))",
    r"/a/api/kernels/(?P<id>\w+-\w+)",
    r"/a/(api|lab)/both",
    r"/a/lab|/a/tree",
    r"/a/tree/?",
    r"/a/trees?",
    r"/a/tre{2}",
    r"/a/x*y",
    r"/a/(?:b|c)?d",
    r"^/a/api/begin",
    r"/a/api\.v2/x",
    r"/a/[|(]b",
    r"/a/lab[])|]x|/a/tree",
    r"/a/lab[^](|]x",
    r"/a/lab\(|/a/tree",
    r"/a/lab\|/(?:b|c)",
    r"/a/(?:lab|[)|]b)/x",
    r".*/",
    r"(?i)/a/API/Case",
    r"/(.*)/nbextensions/(.*)",
]
SEGMENTS = st.sampled_from(
    [
        "a",
        "api",
        "contents",
        "checkpoints",
        "kernels",
        "lab",
        "tree",
        "trees",
        "tre",
        "x",
        "y",
        "xy",
        "both",
        "b",
        "c",
        "d",
        "bd",
        "begin",
        "api.v2",
        "API",
        "Case",
        "|b",
        "lab)x",
        "lab|",
        "labbx",
        "nbextensions",
        "é",
        "",
    ]
)
PATHS = st.lists(SEGMENTS, max_size=6).map(lambda segments: "/" + "/".join(segments))


class Handler(RequestHandler):
    """Any."""


def asked(path, host="localhost"):
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    request = HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": host}))
    request.path = path
    return request


def found(nearby, application, path, host="localhost"):
    """Give the targets of the rules that match, as the guard tries them."""
    request = asked(path, host)
    return [
        rule.name
        for rule, above in nearby.rules(application.default_router, path)
        if all(one.matcher.match(request) is not None for one in above)
        and rule.matcher.match(request) is not None
    ]


def expected(application, path, host="localhost"):
    """Give those of all rules, one after the other."""
    request = asked(path, host)
    return [
        rule.name
        for rule, above in leaves(application.default_router)
        if all(one.matcher.match(request) is not None for one in above)
        and rule.matcher.match(request) is not None
    ]


def specs(prefix):
    return [(pattern, Handler, {}, f"{prefix}{n}") for n, pattern in enumerate(PATTERNS)]


def application():
    made = Application(specs("core"))
    made.add_handlers(".*$", specs("first"))
    made.add_handlers(r"other\.example", specs("other"))
    return made


APPLICATION = application()
NEARBY = {depth: Nearby(depth) for depth in (2, 3, 4)}


@given(PATHS, st.sampled_from(list(NEARBY)), st.sampled_from(["localhost", "other.example"]))
def test_rules_are_those_of_tornado(path, depth, host):
    """Whatever the pattern, no rule that matches is left out, and none comes out of turn."""
    assert found(NEARBY[depth], APPLICATION, path, host) == expected(APPLICATION, path, host)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_a_pattern_begins_with(pattern):
    """Every path that a pattern matches begins with its literal text."""
    literal = literal_beginning(PathMatches(pattern))
    regex = re.compile(pattern)
    for path in ("/a/api/contents", "/a/tree", "/a/tre", "/a/y", "/a/d", "/a/lab", "/A/api/case"):
        if regex.match(path):
            assert path.startswith(literal)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        (r"/a/api/contents/(.*)", "/a/api/contents/"),
        (r"/a/tree/?", "/a/tree"),
        (r"/a/tre{2}", "/a/tr"),
        (r"/a/b+", "/a/b"),
        (r"/a/lab|/a/tree", ""),
        (r"(?i)/a/API", ""),
        (r"/a/[|(]b", "/a/"),
        (r"/a/lab\|/(?:b|c)", "/a/lab"),
        (r"/a/lab[])|]x|/a/tree", ""),
    ],
)
def test_literal_text_is_used(pattern, literal):
    """Literal text is told from what could be something else."""
    assert literal_beginning(PathMatches(pattern)) == literal


def test_rules_may_change_at_any_time():
    """Rules that are added, replaced or removed count from the next request on."""
    made, nearby = application(), Nearby(3)
    path = "/a/api/contents"
    assert found(nearby, made, path) == expected(made, path) != []
    made.add_handlers(".*$", [(path, Handler, {}, "late")])
    assert "late" in found(nearby, made, path)
    router = made.wildcard_router
    router.rules.insert(0, Rule(PathMatches(path), Handler, name="at the front"))
    assert found(nearby, made, path) == expected(made, path)
    router.rules[0] = Rule(PathMatches("/a/api/other"), Handler, name="replaced")
    assert found(nearby, made, path) == expected(made, path)
    assert "replaced" in found(nearby, made, "/a/api/other")
    router.rules[1].matcher.match = lambda _: {}
    router.rules.append(Rule(PathMatches("/a"), Handler, name="last"))
    assert found(nearby, made, path) == expected(made, path)
    del made.default_router.rules[0]
    assert found(nearby, made, path) == expected(made, path)


def test_rules_added_to_a_router_that_was_empty():
    """A router without rules is looked at again like any other."""
    made, nearby = Application([]), Nearby(2)
    made.add_handlers(".*$", [])
    assert found(nearby, made, "/x") == []
    made.default_router.rules[0].target.add_rules([(r"/x", Handler, {}, "x")])
    assert found(nearby, made, "/x") == ["x"]
    made.default_router.rules[0] = Rule(HostMatches("nobody"), made.default_router.rules[0].target)
    assert found(nearby, made, "/x") == expected(made, "/x") == []


def test_paths_that_are_made_up_are_not_remembered_for_ever():
    """Whoever asks for ever new paths does not fill the memory."""
    made, nearby = application(), Nearby(3)
    for number in range(3000):
        found(nearby, made, f"/a/{number}")
        found(nearby, made, f"/a/{number}/{'long' * 100}")
    for remembered in (nearby._beginnings, nearby._paths):
        assert 0 < len(remembered) <= 1000
        assert max(map(len, remembered)) <= 200
