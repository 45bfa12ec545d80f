"""Users, grants, sessions, tokens and links: what is made, refused and ended."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import func, select

from jupyter_authz.accounts import grants, people, secrets, snapshot, tags
from jupyter_authz.accounts.schema import GRANTS, LINKS, MEMBERSHIPS, SESSIONS, TOKENS, USERS
from jupyter_authz.accounts.snapshot import GrantedPeople
from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.credentials import token_digest

HOUR = 3600


@pytest.fixture
def refused(write):
    """Give a function that requires that something is refused, for a reason."""

    def do(reason, operation, *args, **kwargs):
        with pytest.raises(RefusedError) as told:
            write(operation, *args, **kwargs)
        assert told.value.reason == reason
        return str(told.value)

    return do


@pytest.fixture
def row(store):
    """Give a function that gives the row of a user."""

    def find(username):
        with store.reading() as connection:
            return people.find(connection, username)

    return find


def counts(store, username="ann"):
    """Give how many sessions, tokens and links somebody has."""
    with store.reading() as connection:
        return tuple(
            connection.scalar(
                select(func.count()).select_from(table).where(table.c.username == username)
            )
            for table in (SESSIONS, TOKENS, LINKS)
        )


@pytest.fixture
def ann(write):
    """Have ann, who is signed in, has a token and was sent a link."""

    def sign_in():
        write(secrets.begin_session, "ann", address="127.0.0.1", agent="Firefox")
        write(secrets.make_token, "ann", f"t{time.monotonic_ns()}")
        write(secrets.make_link, "ann", secrets.RESET, seconds=HOUR, email="ann@example.org")

    write(people.add, "ann", password="old", email="ann@example.org", is_verified=True)
    sign_in()
    return sign_in


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("name", ["ann", "Ann Ånström", "ann-1_x.y", "李雷", "o'brien", "100%"])
def test_names_that_people_have(name):
    """Letters of any writing, digits, single spaces and signs."""
    assert people.check_new_username(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "a/b", "/", "*", "a*", "a@b", "a,b", " ann", "ann ", "a\nb", "a\0"),
        # What cannot be seen: joiners, marks of direction, fillers, selectors, private letters.
        *("a\u200db", "a\u200eb", "a\u202eb", "a\ufeffb", "a\u00adb", "a\u034fb", "a\u3164b"),
        *("a\ufe0fb", "a\u2800b", "a\U000e0101b", "a\ue000b", "a\ud800b", "a\u2028b", "a\u180eb"),
        # What looks like something else: other forms, spaces of other widths, two of them.
        *("\uff41nn", "ﬁn", "a\u0301", "a\u00a0b", "a\u2003b", "a\u1680b", "a  b", "x²"),
        *("x" * 256, "İ" * 200, None, 7, b"ann"),
    ],
)
def test_names_that_nobody_has(name):
    """What a path, a list or a person could take for something else."""
    with pytest.raises(RefusedError, match="cannot be used: expected 1 to 255 letters") as told:
        people.check_new_username(name)
    assert told.value.reason == "bad-name"


def test_names_and_addresses_are_checked(write, refused, row):
    """Whoever makes a user: of every writing they come back as they were given."""
    for name in ("李雷", "Ann Ånström", "x" * 255):
        write(people.add, name, email=f"{len(name)}@x.org", name=name)
        assert (row(name).username, row(name).name) == (name, name)
    refused("bad-name", people.add, "a/b")
    refused("bad-email", people.add, "ann", email="a b")
    refused("bad-email", people.change, "李雷", email="a b")
    assert row("ann") is None


def test_names_that_look_alike(write, refused, row):
    """Two that differ only in case are one, and the second is refused."""
    for one, other in (("ann", "Ann"), ("straße", "STRASSE"), ("Ångström", "ÅNGSTRÖM")):
        write(people.add, one)
        assert "taken" in refused("name-taken", people.add, other)
        assert row(other) is None
        # Nor does whom another identity provider knows become two.
        refused("name-taken", people.know, [other])
        write(people.know, [one])


def test_whom_others_know(write, refused, row):
    """A name that the configuration or a hub gives is taken as it is, once, and is active."""
    write(people.know, ["ann@hub", "a,b", "ann@hub"])
    assert row("ann@hub").state == people.ACTIVE
    write(people.set_state, "ann@hub", people.BLOCKED)
    write(people.know, ["ann@hub"])
    assert row("ann@hub").state == people.BLOCKED
    write(people.add, "bob")
    write(people.remove, "bob")
    write(people.know, ["bob"])
    assert row("bob").state == people.DELETED
    refused("no-user", secrets.begin_session, "bob")


# ------------------------------------------------------------------ addresses and texts


@pytest.mark.parametrize("email", ["ann@example.org", "a+b@x", "o'brien@x.org", "ä@ö.de"])
def test_addresses(email):
    """One `@` with something at both sides; kept as it was written."""
    assert people.check_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        *("", "ann", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b\n", "a@b\r\nBcc: c@d"),
        *("Ann <a@b>", "a@b,c@d", "a@b;c@d", '"a"@b', "a@[::1]", "a\u200b@b", "a\0@b"),
        *("a@" + "b" * 320, 5),
    ],
)
def test_what_is_no_address(email):
    """Nothing that ends a line or a header of a mail, or goes to several."""
    with pytest.raises(RefusedError, match="expected an address such as"):
        people.check_email(email)


def test_an_address_is_of_one(write, refused, row):
    """Neither case nor form makes another; one's own may be written anew."""
    write(people.add, "ann", email="Ann@Example.org")
    for email in ("ann@example.org", "ANN@EXAMPLE.ORG", "\uff41nn@example.org"):
        assert "another account" in refused("email-taken", people.add, "bob", email=email)
    write(people.add, "bob")
    refused("email-taken", people.change, "bob", email="ann@example.ORG")
    write(people.change, "ann", email="ann@example.org")
    assert row("ann").email == "ann@example.org"
    write(people.change, "ann", email=None)
    write(people.change, "bob", email="ann@example.org")
    write(people.add, "cy", external_id="7")
    refused("external-id-taken", people.change, "bob", external_id="7")
    refused("external-id-taken", people.add, "dan", external_id="7")
    write(people.change, "cy", external_id="7", name="Cy")


def test_another_address_has_yet_to_be_verified(write, row, store, ann):
    """And what was sent to the one before is void; sessions and tokens go on."""
    write(people.change, "ann", name=" Ann ", email="ann@example.org")
    assert (row("ann").name, row("ann").is_verified, counts(store)) == ("Ann", 1, (1, 1, 1))
    write(people.change, "ann", email="new@example.org")
    assert (row("ann").is_verified, counts(store)) == (0, (1, 1, 0))
    write(people.change, "ann", is_verified=True)
    assert row("ann").is_verified == 1
    write(people.change, "ann")
    assert row("ann").email == "new@example.org"


def test_what_others_see_is_one_line(write, refused):
    """Whatever is shown of a user or a token."""
    write(people.add, "ann")
    for name in ("a\nb", "a\0", "x" * 256, None, "\u2028", "\ud800"):
        refused("bad-text", people.change, "ann", name=name)
        refused("bad-text", people.add, "bob", name=name)
        refused("bad-text", secrets.make_token, "ann", name)


# ------------------------------------------------------------------ states


def test_states(store, write, refused, row, ann):
    """Who is not active any more is signed out; to be active again signs nobody in."""
    for state in (people.BLOCKED, people.AWAITING, people.UNVERIFIED, people.INVITED):
        assert counts(store) == (1, 1, 1)
        write(people.set_state, "ann", state)
        assert (row("ann").state, counts(store)) == (state, (0, 0, 0))
        refused("not-active", secrets.begin_session, "ann")
        refused("not-active", secrets.make_token, "ann", "x")
        write(people.set_state, "ann", people.ACTIVE)
        assert counts(store) == (0, 0, 0)
        ann()
    for state in ("deleted", "Active", "", None):
        assert "expected one of 'invited'" in refused("bad-state", people.set_state, "ann", state)
        refused("bad-state", people.add, "bob", state=state)
    refused("no-user", people.set_state, "nobody", people.ACTIVE)


def test_a_password_ends_everything(store, write, row, ann):
    """Whoever is signed in is so no more, and links and tokens are void."""
    write(people.set_password, "ann", "new")
    assert (row("ann").password, counts(store)) == ("new", (0, 0, 0))
    ann()
    write(people.set_password, "ann", None)
    assert (row("ann").password, counts(store)) == (None, (0, 0, 0))


@pytest.mark.parametrize("state", [s for s in people.STATES if s != people.DELETED])
def test_a_password_lifts_no_block(write, row, state):
    """Who was invited is active with it, and everybody else is what they were."""
    write(people.add, "ann", state=state)
    write(people.set_password, "ann", "new")
    assert row("ann").state == (people.ACTIVE if state == people.INVITED else state)


def test_a_deleted_name_stays(store, write, refused, row, ann):
    """Nothing but the name is kept; nobody gets it but who is given it by those in charge."""
    write(people.change, "ann", external_id="7", name="Ann")
    write(tags.add, "ann", "a/b")
    write(tags.add, "ann", "x", "skills")
    write(grants.give, "r", username="ann", by="bob", roles=["r"])
    write(people.remove, "ann")
    left = row("ann")._asdict()
    del left["created"]
    assert {key: value for key, value in left.items() if value} == {
        "username": "ann",
        "username_key": "ann",
        "state": "deleted",
    }
    assert counts(store) == (0, 0, 0)
    with store.reading() as connection:
        for table in (MEMBERSHIPS, GRANTS):
            assert connection.execute(select(table)).all() == []
    assert snapshot.read(store).people["ann"].state == people.DELETED
    for do, arguments in [
        (people.remove, ["ann"]),
        (people.change, ["ann"]),
        (people.set_password, ["ann", "x"]),
        (people.set_state, ["ann", people.ACTIVE]),
        (secrets.begin_session, ["ann"]),
        (secrets.make_token, ["ann", "x"]),
    ]:
        refused("no-user", do, *arguments)
    refused("name-taken", people.add, "Ann")
    # The address and the external id are free again, and so is the name as it was.
    write(people.add, "bob", email="ann@example.org", external_id="7")
    refused("name-taken", people.add, "ann")
    again = {"email": "other@example.org", "state": people.INVITED, "gives_again": True}
    write(people.add, "ann", **again)
    assert snapshot.read(store).people["ann"].groups == ()
    refused("name-taken", people.add, "ann")


# ------------------------------------------------------------------ grants


def test_grants(store, write, refused):
    """A role is given to a user or a group, once, until it ends or is taken."""
    write(people.add, "ann")
    now = int(time.time())
    given = {"by": "bob", "roles": ["r", "s"]}
    write(grants.give, "r", username="ann", expires=now + HOUR, **given)
    write(grants.give, "r", username="ann", expires=None, **given)
    write(grants.give, "s", group="/team/x/", expires=now + HOUR, **given)
    found = snapshot.read(store)
    assert found.people["ann"].grants == (snapshot.Grant("r", None, "bob"),)
    assert found.group_grants == {"team/x": (snapshot.Grant("s", now + HOUR, "bob"),)}
    with store.reading() as connection:
        assert tags.all_tags(connection) == ("team", "team/x")
    assert "expected one of 'r', 's'" in refused(
        "no-role", grants.give, "t", username="ann", **given
    )
    refused("no-role", grants.give, "t", username="ann", by="bob", roles=[])
    refused("no-user", grants.give, "r", username="nobody", **given)
    refused("bad-group", grants.give, "r", group="a//b", **given)
    refused("bad-group", grants.give, "r", group="", **given)
    refused("bad-holder", grants.give, "r", **given)
    refused("bad-holder", grants.give, "r", username="ann", group="team", **given)
    refused("bad-time", grants.give, "r", username="ann", expires=now - 1, **given)
    assert "to the user 'ann'" in refused("no-grant", grants.take, "s", username="ann")
    # Below the group it was not given.
    refused("no-grant", grants.take, "s", group="team")
    write(grants.take, "s", group="team/x/")
    write(grants.take, "r", username="ann")
    refused("no-grant", grants.take, "r", username="ann")
    found = snapshot.read(store)
    assert (found.people["ann"].grants, found.group_grants) == ((), {})


def test_grants_that_have_ended(store, write):
    """At the very second, they are none; it is known when the next ends."""
    write(people.add, "ann")
    now = int(time.time())
    for role, seconds in (("r", 100), ("s", 200), ("t", None)):
        expires = seconds and now + seconds
        write(grants.give, role, username="ann", expires=expires, by="x", roles=["r", "s", "t"])
    write(grants.give, "r", group="a", expires=now + 150, by="x", roles=["r"])
    found = snapshot.read(store)
    for seconds, roles, of_group, end in [
        (99, {"r", "s", "t"}, ("r",), 100),
        (100, {"s", "t"}, ("r",), 150),
        (150, {"s", "t"}, (), 200),
        (200, {"t"}, (), None),
    ]:
        seen = GrantedPeople(found, now + seconds)
        assert set(seen.roles_of("ann")) == roles
        assert tuple(seen.roles_given_to("a")) == of_group
        assert set(seen.groups_with_roles()) == ({"a"} if of_group else set())
        assert found.next_end(now + seconds) == (end and now + end)


# ------------------------------------------------------------------ sessions


def test_sessions(store, write):
    """Only the hash of a secret is kept; each can be ended, or all but one's own."""
    write(people.add, "ann")
    write(people.add, "bob")
    mine, other, more = (write(secrets.begin_session, "ann") for _ in range(3))
    theirs = write(secrets.begin_session, "bob", address="x" * 100, agent="Fire\0fox" + "y" * 999)
    held = snapshot.read(store).sessions
    assert set(held) == {token_digest(s) for s in (mine, other, more, theirs)}
    with store.reading() as connection:
        rows = connection.execute(select(SESSIONS)).all()
    assert not any(mine in str(row) for row in rows)
    which = held[token_digest(other)].id
    assert write(secrets.end_sessions, "bob", session_id=which) == 0
    assert write(secrets.end_sessions, "ann", session_id=which) == 1
    assert write(secrets.end_sessions, "ann", kept=token_digest(mine)) == 1
    assert set(snapshot.read(store).sessions) == {token_digest(s) for s in (mine, theirs)}
    assert write(secrets.end_sessions, "ann") == 1
    assert counts(store, "bob")[0] == 1


def test_the_most_sessions(store, write, monkeypatch):
    """Who signs in once more than that is signed out where they were longest ago."""
    monkeypatch.setattr(secrets, "MOST_SESSIONS", 3)
    write(people.add, "ann")
    made = [token_digest(write(secrets.begin_session, "ann")) for _ in range(3)]
    with store.writing() as writing:
        for number, digest in enumerate(made):
            writing.connection.execute(
                SESSIONS.update().where(SESSIONS.c.digest == digest).values(seen=number % 3)
            )
    made.append(token_digest(write(secrets.begin_session, "ann")))
    assert set(snapshot.read(store).sessions) == set(made[1:])


# ------------------------------------------------------------------ tokens


def test_tokens(store, write, refused):
    """Each has a name of its own, may end, and is known by its hash only."""
    write(people.add, "ann")
    write(people.add, "bob")
    now = int(time.time())
    token = write(secrets.make_token, "ann", " ci ", permissions=["read:contents"], expires=now + 9)
    found = snapshot.read(store).tokens[token_digest(token)]
    assert (found.username, found.limits, found.expires) == ("ann", ("read:contents",), now + 9)
    assert "already" in refused("name-taken", secrets.make_token, "ann", "ci")
    refused("bad-text", secrets.make_token, "ann", " ")
    refused("bad-time", secrets.make_token, "ann", "x", expires=now)
    other = write(secrets.make_token, "bob", "ci")
    assert snapshot.read(store).tokens[token_digest(other)].limits is None
    assert "there is no token" in refused("no-token", secrets.end_token, "bob", found.id)
    write(secrets.end_token, "ann", found.id)
    refused("no-token", secrets.end_token, "ann", found.id)
    assert set(snapshot.read(store).tokens) == {token_digest(other)}


def test_the_most_tokens(write, refused, store, monkeypatch):
    """There is no way to fill the store."""
    monkeypatch.setattr(secrets, "MOST_TOKENS", 3)
    write(people.add, "ann")
    for number in range(3):
        write(secrets.make_token, "ann", f"t{number}")
    assert "at most 3" in refused("too-many-tokens", secrets.make_token, "ann", "more")
    assert counts(store)[1] == 3


@pytest.mark.parametrize(
    "value", [None, "read", [], [1], ["x" * 1001], ["read"] * 101, {"read": 1}, ["read", None]]
)
def test_what_is_no_list_of_permissions(value):
    """A limit that is none is refused, and never taken for no limit."""
    with pytest.raises(RefusedError, match="expected a list of 1 to 100 permissions"):
        secrets.check_permissions(value)
    assert secrets.check_permissions(["read"]) == ("read",)


# ------------------------------------------------------------------ links


def test_a_link_is_for_one_thing(store, write, refused):
    """For whom and what it was made, once, until it expires."""
    write(people.add, "ann")
    make = {"seconds": HOUR, "email": "ann@example.org"}
    secret = write(secrets.make_link, "ann", secrets.RESET, **make)
    for purpose in (secrets.VERIFY, secrets.SIGN_IN, secrets.CHANGE_EMAIL):
        refused("bad-link", secrets.use_link, secret, purpose)
    for other in ("", "x", secret[:-1], secret.upper().replace("A", "B"), f"{secret} ", "ü\ud800"):
        with pytest.raises(RefusedError):
            write(secrets.use_link, other, secrets.RESET)
    used = write(secrets.use_link, secret, secrets.RESET)
    assert (used.username, used.email) == ("ann", "ann@example.org")
    refused("bad-link", secrets.use_link, secret, secrets.RESET)
    late = write(secrets.make_link, "ann", secrets.RESET, seconds=0)
    refused("bad-link", secrets.use_link, late, secrets.RESET)
    write(secrets.make_link, "ann", secrets.RESET, **make)
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(LINKS)) == 1


def test_few_links_at_a_time(write, refused):
    """The eldest of one purpose are void when more are made."""
    write(people.add, "ann")
    made = [write(secrets.make_link, "ann", secrets.RESET, seconds=HOUR + n) for n in range(6)]
    verify = write(secrets.make_link, "ann", secrets.VERIFY, seconds=HOUR)
    refused("bad-link", secrets.use_link, made[0], secrets.RESET)
    for secret in made[1:]:
        write(secrets.use_link, secret, secrets.RESET)
    write(secrets.use_link, verify, secrets.VERIFY)


def test_a_link_is_undone_with_what_it_was_used_for(write, refused):
    """Where what it is used for fails, it can be used again."""
    write(people.add, "ann")
    secret = write(secrets.make_link, "ann", secrets.RESET, seconds=HOUR)

    def reset(writing):
        secrets.use_link(writing, secret, secrets.RESET)
        people.set_password(writing, "nobody", "x")

    refused("no-user", reset)
    assert write(secrets.use_link, secret, secrets.RESET).username == "ann"


def test_a_link_used_at_once(store, make_store, write):
    """Of any number who use it at the same time, one does."""
    write(people.add, "ann")
    secret = write(secrets.make_link, "ann", secrets.RESET, seconds=HOUR)
    stores = [store, store, make_store(), make_store()]
    begin = threading.Barrier(len(stores))
    told = []

    def use(mine):
        begin.wait()
        try:
            with mine.writing() as writing:
                told.append(secrets.use_link(writing, secret, secrets.RESET).username)
        except RefusedError as error:
            told.append(error.reason)

    threads = [threading.Thread(target=use, args=[mine]) for mine in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["ann", "bad-link", "bad-link", "bad-link"]


def test_nobody_is_found_by_what_is_no_name(store, row):
    """Looked up by whatever somebody sent: nobody, and no error of the database."""
    for username in ("", "ann", "x" * 9999):
        assert row(username) is None
    with store.reading() as connection:
        assert people.find_by_email(connection, "nobody@example.org") is None
        assert connection.execute(select(USERS)).all() == []
