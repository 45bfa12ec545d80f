"""Tags as those of py4web, point by point, and consistent where those surprise."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from jupyter_authz.accounts import grants, people, tags
from jupyter_authz.accounts.schema import GRANTS, GROUPS, JOURNAL
from jupyter_authz.accounts.tags import Tags
from jupyter_authz.errors import RefusedError

USERS = ("ann", "bob", "cy")


@pytest.fixture
def known(store):
    """Have three users in a store, and give it."""
    with store.writing() as writing:
        for username in USERS:
            people.add(writing, username)
    return store


@pytest.fixture
def groups(known):
    """Give the set of tags that are groups."""
    return Tags(known)


def all_tags(store, tag_set=tags.MEMBERS):
    """Give all tags there are."""
    with store.reading() as connection:
        return tags.all_tags(connection, tag_set)


def test_add_and_get(groups):
    """One or several are added, each once, and given back sorted."""
    assert groups.get("ann") == ()
    groups.add("ann", "teacher")
    groups.add("ann", ["student/physics", "teacher", "student/physics"])
    groups.add("ann", "teacher")
    assert groups.get("ann") == ("student/physics", "teacher")
    assert groups.get("bob") == ()


def test_slashes_at_the_ends_are_optional(groups):
    """They mean nothing, whoever is asked and whatever is done."""
    groups.add("ann", "/teacher/physics/")
    groups.add("ann", "teacher/physics")
    groups.add("ann", "teacher/physics/")
    assert groups.get("ann") == ("teacher/physics",)
    for tag in ("teacher", "/teacher", "teacher/", "//teacher//", "/teacher/physics"):
        assert groups.find(tag) == ("ann",)
    groups.remove("ann", "/teacher/physics")
    assert groups.get("ann") == ()


def test_remove_takes_these_very_ones(groups):
    """Neither those below nor those above; what is not there is no error."""
    groups.add("ann", ["a", "a/b", "a/b/c", "d"])
    groups.remove("ann", "a/b")
    assert groups.get("ann") == ("a", "a/b/c", "d")
    groups.remove("ann", ["a", "d", "not/there"])
    assert groups.get("ann") == ("a/b/c",)
    groups.remove("ann", "a")
    assert groups.find("a") == ("ann",)


def test_find_by_several(groups):
    """Those with all of them, unless any is enough; as in py4web, `and` is meant by default."""
    groups.add("ann", ["a/x", "b"])
    groups.add("bob", "a")
    groups.add("cy", "b/y")
    assert groups.find(["a", "b"]) == ("ann",)
    assert groups.find(["a", "b"], mode="and") == ("ann",)
    assert groups.find(["a", "b"], mode="or") == ("ann", "bob", "cy")
    assert groups.find(["a", "c"], mode="or") == ("ann", "bob")
    assert groups.find(["a", "c"]) == ()
    assert groups.find(("a/x", "a")) == ("ann",)
    # One tag is one, and no list of letters.
    assert groups.find("ab") == ()
    with pytest.raises(RefusedError, match="expected 'or' or 'and' as mode, got 'xor'"):
        groups.find("a", mode="xor")


def test_whole_segments(groups):
    """What begins with the same letters is another tag."""
    groups.add("ann", "teacher/physics")
    groups.add("bob", "teachers")
    groups.add("cy", "other/teacher")
    assert groups.find("teacher") == ("ann",)
    assert groups.find("teacher/physics") == ("ann",)
    for tag in ("teach", "teacher/phys", "physics", "teacher/physics/x", "eacher"):
        assert groups.find(tag) == ()


def test_case_counts(groups):
    """Throughout, on every database."""
    groups.add("ann", "Teacher/Physics")
    groups.add("bob", ["teacher/physics", "Teacher/physics", "straße"])
    assert groups.find("Teacher") == ("ann", "bob")
    assert groups.find("teacher") == ("bob",)
    assert groups.find("teacher/Physics") == ()
    assert groups.find("STRASSE") == groups.find("strasse") == ()
    groups.remove("bob", "TEACHER/physics")
    assert groups.get("bob") == ("Teacher/physics", "straße", "teacher/physics")


SIGNS = ["%", "_", "*", "?", "[a-z]", ".", "\\", "'", "{group}", "🦆", "é"]


def test_no_sign_stands_for_another(known):
    """Whatever stands for something elsewhere is itself here."""
    for sign in SIGNS:
        some = Tags(known, f"with {sign}")
        tag = f"a{sign}b"
        some.add("ann", [f"{tag}/c", "x"])
        some.add("bob", ["axb/c", "ab/c", "a/b/c", "aa/b"])
        assert some.find(tag) == ("ann",), sign
        assert some.find(f"{tag}/c") == ("ann",), sign
        assert some.find(f"x{sign}") == (), sign
        some.remove("bob", tag)
        assert some.get("bob") == ("a/b/c", "aa/b", "ab/c", "axb/c"), sign


def test_several_sets(known, groups):
    """Sets know nothing of one another; only the default one is that of groups."""
    skills = Tags(known, "skills")
    skills.add("ann", "python/numpy")
    groups.add("ann", "team")
    groups.add("bob", "python")
    assert skills.get("ann") == ("python/numpy",)
    assert skills.find("python") == ("ann",)
    assert groups.get("ann") == ("team",)
    assert groups.find("python") == ("bob",)
    skills.remove("ann", "team")
    groups.remove("ann", "python/numpy")
    assert (skills.get("ann"), groups.get("ann")) == (("python/numpy",), ("team",))
    assert Tags(known, "Skills").get("ann") == ()
    for name in ("", "x" * 65):
        with pytest.raises(RefusedError, match="expected a name of at most 64 letters"):
            Tags(known, name)


NO_TAGS = ["", "/", "a//b", ".", "a/..", "a\0b", "a\nb", "x" * 256, None, 1, "\ud800", [""]]


def test_what_is_no_tag(known, groups):
    """It is refused, whatever is done with it, and of several none is added."""
    for some in [[], *(["a", tag] for tag in NO_TAGS)]:
        for do in (groups.add, groups.remove):
            with pytest.raises(RefusedError):
                do("ann", some)
        with pytest.raises(RefusedError):
            groups.find(some)
    assert groups.get("ann") == ()
    assert all_tags(known) == ()


def test_who_is_no_user(known, groups, write):
    """Nobody is tagged who is not there, or not any more; names are exact."""
    groups.add("ann", "a")
    write(people.remove, "ann")
    for username in ("ann", "Bob", "nobody", "", "a\ud800"):
        with pytest.raises(RefusedError):
            groups.add(username, "a")
        with pytest.raises(RefusedError):
            groups.remove(username, "a")
    assert groups.get("ann") == groups.get("nobody") == ()
    assert groups.find("a") == ()
    write(people.add, "ann", gives_again=True)
    assert groups.get("ann") == ()


def test_those_above_are_made(known, groups):
    """A tag is there once somebody has it, with those above it, in the order of a tree."""
    groups.add("ann", ["a/b/c", "a-b", "b"])
    assert all_tags(known) == ("a", "a/b", "a/b/c", "a-b", "b")
    groups.remove("ann", ["a/b/c", "a-b"])
    assert all_tags(known) == ("a", "a/b", "a/b/c", "a-b", "b")


def test_deleting_a_tag(known, groups, write):
    """With all below it, who was tagged with it, and what was given to it; nothing else."""
    skills = Tags(known, "skills")
    skills.add("ann", "a/b")
    groups.add("ann", ["a/b", "a/b/c", "ab"])
    groups.add("bob", ["a", "a/bc"])
    for group in ("a", "a/b", "a/b/c", "a/bc"):
        write(grants.give, "r", group=group, by="ann", roles=["r"])
    with known.reading() as connection:
        before = connection.scalars(select(JOURNAL.c.id).order_by(JOURNAL.c.id)).all()[-1]
    assert write(tags.delete_tag, "/a/b/") == ("ann",)
    assert groups.get("ann") == ("ab",)
    assert groups.get("bob") == ("a", "a/bc")
    assert skills.get("ann") == ("a/b",)
    assert all_tags(known) == ("a", "a/bc", "ab")
    with known.reading() as connection:
        assert set(connection.scalars(select(GRANTS.c.group_name))) == {"a", "a/bc"}
        rows = connection.execute(select(JOURNAL).where(JOURNAL.c.id > before))
        changed = {(row.kind, row.key) for row in rows}
    assert changed == {("group", "a/b"), ("group", "a/b/c"), ("user", "ann")}
    with pytest.raises(RefusedError, match="there is no group 'a/b'"):
        write(tags.delete_tag, "a/b")
    # Of another set: what is given to groups stays.
    groups.add("ann", "a/b")
    write(grants.give, "r", group="a/b", by="ann", roles=["r"])
    write(tags.delete_tag, "a", "skills")
    with known.reading() as connection:
        assert "a/b" in set(connection.scalars(select(GRANTS.c.group_name)))
        sets = set(connection.scalars(select(GROUPS.c.tag_set)))
    assert sets == {"groups"}


# ------------------------------------------------------------------ a naive model

_SEGMENTS = st.sampled_from(["a", "b", "A", "ab", "%", "_", "a%", "*"])
_TAGS = st.lists(_SEGMENTS, min_size=1, max_size=3).map("/".join)
_SLASHED = st.builds("{}{}{}".format, st.sampled_from(["", "/"]), _TAGS, st.sampled_from(["", "/"]))
_SOME = st.one_of(_SLASHED, st.lists(_SLASHED, min_size=1, max_size=3))
_DONE = st.tuples(
    st.sampled_from(["add", "add", "remove"]),
    st.sampled_from(["groups", "other"]),
    st.sampled_from(USERS),
    _SOME,
)
_ASKED = st.tuples(st.sampled_from(["groups", "other"]), _SOME, st.sampled_from(["and", "or"]))


def paths(given):
    """Give tags as py4web keeps them: with slashes at both ends."""
    return ["/" + tag.strip("/") + "/" for tag in ([given] if isinstance(given, str) else given)]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(done=st.lists(_DONE, max_size=8), asked=st.lists(_ASKED, min_size=1, max_size=6))
def test_against_a_naive_model(store, empty, done, asked):
    """Whatever was added and removed, all is found as by the letters of paths with slashes."""
    empty()
    with store.writing() as writing:
        for username in USERS:
            people.add(writing, username)
    model = {}
    for verb, tag_set, username, some in done:
        held = model.setdefault((tag_set, username), set())
        getattr(Tags(store, tag_set), verb)(username, some)
        (held.update if verb == "add" else held.difference_update)(paths(some))
    for (tag_set, username), held in model.items():
        assert Tags(store, tag_set).get(username) == tuple(sorted(p.strip("/") for p in held))
    for tag_set, some, mode in asked:
        combine = all if mode == "and" else any
        expected = [
            username
            for username in USERS
            if combine(
                any(held.startswith(path) for held in model.get((tag_set, username), ()))
                for path in paths(some)
            )
        ]
        assert Tags(store, tag_set).find(some, mode) == tuple(expected)
