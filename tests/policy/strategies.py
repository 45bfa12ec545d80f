"""Random roles, subjects and questions, from small alphabets so that they often meet."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.resources.types import TYPES

USERS = ["ann", "bob", "Ann", "a"]
GROUPS = ["a", "a/b", "a/b/c", "b", "b/a"]
SEGMENTS = ["a", "b", "ab", "B", "ann", "*", "a&b", "ß", "ss"]
KINDS = ["contents", "kernels", "terminals", "proxy", "ui", "authz", "ext.pkg", "mystery"]
ESCAPES = {"&": "%26", "*": "%2A", "?": "%3F", "{": "%7B", "}": "%7D", "%": "%25"}
CARRIED = {"contents": ["path"], "kernels": ["path", "owner", "name"], "terminals": ["owner"]}


def escaped(text):
    return "".join(ESCAPES.get(c, c) for c in text)


ACTIONS = st.sampled_from(
    ["*", "read", "write", "execute", "read,write", "write,execute", "read", "read", "write"]
)
literals = st.sampled_from([escaped(segment) for segment in SEGMENTS])
globs = st.sampled_from(["a*", "*b", "?", "a?", "*a*", "?*", "*", "a*b", "%2A*", "*%26?", "**"])


def pattern_segments(holders):
    return st.one_of(literals, literals, globs, st.just("**"), st.sampled_from(holders))


@st.composite
def patterns(draw, holders):
    found = draw(st.lists(pattern_segments(holders), max_size=4))
    if draw(st.booleans()):
        found.append("**")
    return "/".join(found) or draw(st.sampled_from(["/", "**"]))


@st.composite
def permissions(draw, holders):
    if draw(st.integers(0, 19)) == 0:
        return "*"
    actions = draw(ACTIONS)
    kind, attributes = draw(
        st.sampled_from(
            [
                ("", ["path", "owner", "name"]),
                ("", []),
                (":*", ["path"]),
                (":contents", ["path"]),
                (":contents", ["path"]),
                (":kernels", ["path", "owner", "name"]),
                (":kernels,sessions", ["owner", "path"]),
                (":compute", ["path", "name"]),
                (":proxy", ["name", "url"]),
                (":ui", []),
                (":authz", ["name"]),
                (":ext.pkg", ["url"]),
            ]
        )
    )
    chosen = draw(st.lists(st.sampled_from(attributes), unique=True)) if attributes else []
    filters = "&".join(f"{a}={draw(patterns(holders))}" for a in chosen)
    return f"{actions}{kind}" + (f"!{filters}" if filters else "")


def paths():
    return st.lists(st.sampled_from(SEGMENTS), max_size=5).map("/".join)


@st.composite
def roles(draw, most=5):
    found = []
    for number in range(draw(st.integers(0, most))):
        role = {"name": f"role{number}"}
        groups = draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=2))
        users = draw(st.lists(st.sampled_from([*USERS, "*", "*"]), unique=True, max_size=2))
        if groups:
            role["groups"] = groups
        if users or not groups:
            role["users"] = users or ["*"]
        holders = ["{username}", "{group}", "{subgroup}"] if groups else ["{username}"]
        allow = draw(st.lists(permissions(holders), max_size=4))
        deny = draw(st.lists(permissions(holders), max_size=1))
        if allow or not deny:
            role["allow"] = allow or ["read"]
        if deny:
            role["deny"] = deny
        found.append(role)
    return found


subjects = st.builds(
    Subject,
    username=st.sampled_from([*USERS, *USERS, *USERS, "", ".", "..", "a/b", "a\0"]),
    groups=st.lists(st.sampled_from(GROUPS), unique=True, max_size=3).map(tuple),
)

memberships = st.dictionaries(
    st.sampled_from(GROUPS), st.lists(st.sampled_from(USERS), max_size=2), max_size=2
)


def values(one):
    return st.one_of(one, one, one, st.none(), st.lists(one, max_size=3).map(tuple))


@st.composite
def resources(draw):
    kind = draw(st.sampled_from(["contents", "contents", "kernels", "kernels", *KINDS]))
    carried = TYPES.get(kind, ("url",))
    one = {
        "path": paths(),
        "url": paths(),
        "owner": st.sampled_from(USERS),
        "name": st.sampled_from(["a", "ab", "B", "Ann", "b"]),
    }
    known = {a: draw(values(one[a])) for a in carried}
    return Resource(kind, **known, whole=draw(st.sampled_from([False, False, True])))


questions = st.builds(
    Question,
    action=st.sampled_from(["read", "write", "execute", "read", "sing"]),
    resource=resources(),
    scope=st.sampled_from(["this", "this", "this", "way", "any"]),
)


# Few of everything, so that what is asked nearly always meets several rules.
DENSE_SEGMENTS = ["a", "b", "ab", "a*", "*", "**", "**", "{group}", "{subgroup}", "{username}"]
DENSE_PATHS = ["/".join(path) for size in range(5) for path in product("ab", repeat=size)]


@st.composite
def dense_permissions(draw):
    segments = draw(st.lists(st.sampled_from(DENSE_SEGMENTS), min_size=1, max_size=4))
    action = draw(st.sampled_from(["read", "*", "write"]))
    return f"{action}:contents!path={'/'.join(segments)}{draw(st.sampled_from(['', '/**']))}"


@st.composite
def dense_roles(draw):
    return [
        {
            "name": f"role{number}",
            "users": ["a"] if draw(st.booleans()) else ["nobody"],
            "groups": draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True)),
            "allow": draw(st.lists(dense_permissions(), min_size=1, max_size=5)),
            "deny": draw(st.lists(dense_permissions(), min_size=1, max_size=2)),
        }
        for number in range(draw(st.integers(1, 3)))
    ]


dense_subjects = st.builds(
    Subject,
    username=st.just("a"),
    groups=st.lists(st.sampled_from(GROUPS), unique=True, max_size=4).map(tuple),
)

DENSE_QUESTIONS = [
    Question("read", Resource("contents", path=path, whole=whole), scope)
    for path in [*DENSE_PATHS, None, ("a/b", "b/a"), ("a", "a/b", "a/b/a")]
    for whole, scope in [(False, "this"), (True, "this"), (False, "way")]
]
