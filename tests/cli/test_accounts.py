"""The commands about accounts: what they do to a store, print and refuse."""

from __future__ import annotations

import getpass
import importlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_server.auth.security import passwd, passwd_check
from serving import block

from jupyter_authz.accounts import people, secrets, snapshot, tags
from jupyter_authz.accounts.store import Store
from jupyter_authz.cli import nouns
from jupyter_authz.cli.init import InitCommand
from jupyter_authz.errors import RefusedError

ENABLED = {"ServerApp": {"jpserver_extensions": {"jupyter_authz": True}}}
HASH = passwd("a long password", "sha256")
PROVIDER = """
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.AccountsIdentityProvider.users = {"configured": {"hashed_password": "%s"}}
""".replace("%s", HASH)
ACCOUNTS = """
c.Accounts.enabled = True
c.Accounts.public_url = "https://jupyter.example.org/hub"
c.JupyterAuthz.roles = [
    {"name": "manager", "groups": ["manager"], "allow": ["*"]},
    {"name": "guide", "allow": ["read:contents"]},
    {"name": "everyone", "users": ["*", "named"], "allow": ["read:contents!path=welcome/**"]},
]
"""


@pytest.fixture(autouse=True)
def configuration(configure):
    """Have a configuration with accounts."""
    return configure(PROVIDER + ACCOUNTS)


@pytest.fixture
def file(home):
    """Give the file that the store is, which need not be there."""
    return home / "data" / "authz" / "accounts.db"


@pytest.fixture
def store(file):
    """Open the store, with nothing in it, or with what commands have written."""
    store = Store(f"sqlite:///{file}")
    store.open()
    yield store
    store.close()


@pytest.fixture
def person(store):
    """Give a function that tells what the store knows of somebody."""

    def find(username):
        return snapshot.read(store).people.get(username)

    return find


@pytest.fixture
def do(authz):
    """Give a function that runs a command that must succeed, and gives what it prints as JSON."""

    def run(*arguments):
        result = authz(*arguments, "--json")
        assert (result.status, result.err) == (0, "")
        return result.json

    return run


@pytest.fixture
def refused(authz):
    """Give a function that runs a command that must fail, in one line without its prefix."""

    def run(*arguments, status=1):
        result = authz(*arguments)
        assert (result.status, result.out) == (status, "")
        assert result.err.count("\n") == 1
        assert result.err.startswith("jupyter authz ")
        return result.err.partition(": ")[2].rstrip("\n")

    return run


@pytest.fixture
def make(store):
    """Give a function that makes active users."""

    def users(*usernames, **values):
        with store.writing() as writing:
            for username in usernames:
                people.add(writing, username, **values)

    return users


@pytest.fixture
def type_in(monkeypatch):
    """Give a function that pipes in a text."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def terminal(monkeypatch):
    """Give a function that answers what is asked for at a terminal."""

    def answer(*answers):
        given = iter(answers)
        typed = io.StringIO()
        typed.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", typed)
        monkeypatch.setattr(getpass, "getpass", lambda _: next(given))
        monkeypatch.setattr("builtins.input", lambda _: next(given))

    return answer


def use(store, link, page, purpose):
    """Use a link, as the page does, and give whose it is."""
    found = re.fullmatch(rf"https://jupyter\.example\.org/hub/authz/{page}\?link=(\w+)", link)
    with store.writing() as writing:
        return secrets.use_link(writing, found[1], purpose).username


# ---------------------------------------------------------------------- help and errors


COMMANDS = {
    "user": nouns.UserCommand,
    "group": nouns.GroupCommand,
    "token": nouns.TokenCommand,
    "grant": nouns.GrantCommand,
    "revoke": nouns.RevokeCommand,
    "grants": nouns.GrantsCommand,
    "init": InitCommand,
}
VERBS = [
    (noun, verb) for noun, command in COMMANDS.items() for verb in (command.verbs or [command.name])
]


@pytest.mark.parametrize(("noun", "name"), VERBS)
def test_help(authz, noun, name):
    """Each verb has a help that names its words, options and what it prints, and a function."""
    command = COMMANDS[noun]
    verb = command.alone or command.verbs[name]
    words = [noun] if command.alone else [noun, name]
    text = authz(*words, "--help").out
    assert f"usage: jupyter authz {' '.join(words)} " in text
    assert verb.help in text
    for option in ("--json", "--config FILE", "--json prints"):
        assert option in text
    module, _, function = verb.does.partition(".")
    assert callable(getattr(importlib.import_module(f"jupyter_authz.cli.{module}"), function))


@pytest.mark.parametrize("noun", ["user", "group", "token"])
def test_help_of_a_noun(authz, noun):
    """The help of a noun lists its verbs with a line each, and the exit status."""
    result = authz(noun, "--help")
    assert result.status == 0
    for name, verb in COMMANDS[noun].verbs.items():
        assert f"\n{name}\n    {verb.help}\n" in result.out
    assert "Exit status:\n\n  0  done" in result.out
    assert f"`jupyter authz {noun} cmd --help`" in result.out
    bare = authz(noun)
    assert (bare.status, bare.out) == (1, result.out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["user", "ad"], "unknown command 'ad', expected 'add' or 'list' or"),
        (["user", "ad"], "(did you mean 'add'?)"),
        (["user", "add"], "the following arguments are required: NAME; see `jupyter authz user"),
        (
            ["user", "block", "ann", "bob"],
            "unexpected 'bob'; see `jupyter authz user block --help`",
        ),
        (["user", "add", "ann", "--emial=x"], "unknown option '--emial', expected '--email' or"),
        (["user", "add", "ann", "--emial=x"], "(did you mean '--email'?)"),
        (["user", "add", "ann", "--invite", "--password-stdin"], "not allowed with"),
        (["group", "add", "ann", "a", "--Accounts.url", "x"], "expected --Accounts.url=VALUE"),
        (["grant", "guide"], "one of the arguments --user --group is required"),
        (["grant", "guide", "--user=a", "--days=0"], "expected a number of days, 1 to 36500"),
        (["user", "list", "--NoSuch.trait=1", "--config=/none.py"], "'/none.py' does not exist"),
    ],
)
def test_usage(refused, arguments, message):
    """What cannot be read is told in one line, with what was expected."""
    assert message in refused(*arguments)


def test_no_store(refused, file):
    """A command that only looks makes no store, and says that there is none."""
    for arguments in (["user", "list"], ["group", "list"], ["grants"], ["token", "list", "ann"]):
        assert "accounts.db: there is no store yet" in refused(*arguments, status=2)
    assert not file.parent.exists()


def test_not_enabled(refused, configure, file):
    """Without accounts the command says how to have them, and makes nothing."""
    configure("c.JupyterAuthz.roles = []")
    message = refused("user", "add", "ann", status=2)
    assert "c.Accounts.enabled = True" in message
    assert 'pip install "jupyter_authz[accounts]"' in message
    assert not file.parent.exists()


def test_store_that_cannot_be_reached(refused, home):
    """What is wrong with a store is told, with status 2 and without a password."""
    (home / "file").write_text("")
    url = f"--Accounts.url=sqlite:///{home / 'file' / 'accounts.db'}"
    assert "cannot be made" in refused("user", "add", "ann", "--invite", url, status=2)
    message = refused("user", "list", "--Accounts.url=oracle9://a:secret@b/c", status=2)
    assert "c.Accounts.url" in message
    assert "secret" not in message


def test_invalid_configuration(refused, configuration):
    """With a configuration with which no server would start nothing is done."""
    assert "unknown trait 'c.Accounts.enable'" in refused("grants", "--Accounts.enable=True")


def test_the_extra_is_not_imported():
    """The commands can be listed where what accounts need is not installed."""
    program = "import sys, jupyter_authz.cli.main; assert 'sqlalchemy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# ---------------------------------------------------------------------- users


def test_user_add_with_a_password(do, person, type_in):
    """Somebody is made with a password from the standard input, address, name and groups."""
    type_in("a long password\nand more")
    answer = do(
        *("user", "add", "ann", "--password-stdin", "--email=ann@example.org", "--name=Ann A."),
        *("--group=team/finance/", "--group=manager"),
    )
    assert answer == {"username": "ann", "state": "active", "link": None, "expires": None}
    ann = person("ann")
    assert passwd_check(ann.password, "a long password")
    assert (ann.name, ann.email, ann.state) == ("Ann A.", "ann@example.org", "active")
    assert ann.groups == ("manager", "team/finance")
    assert not ann.is_verified


def test_user_add_asks_twice(authz, refused, person, terminal):
    """At a terminal the password is asked for, twice; both must be the same, and long enough."""
    terminal("a long password", "another password")
    assert "the same password twice" in refused("user", "add", "ann")
    terminal("short", "short")
    assert "a password of 10 to 1024 characters, got 5" in refused("user", "add", "ann")
    assert person("ann") is None
    terminal("a long password", "a long password")
    assert authz("user", "add", "ann").out == "Made 'ann'.\n"
    assert passwd_check(person("ann").password, "a long password")


def test_user_add_invites(do, store, person):
    """Who is invited sets a password by a link, and is active then."""
    before = time.time()
    answer = do("user", "add", "ann", "--invite", "--email=ann@example.org")
    assert answer["state"] == person("ann").state == "invited"
    assert answer["expires"] >= before + 3 * 24 * 3600 - 1
    assert use(store, answer["link"], "reset", secrets.RESET) == "ann"


def test_user_add_is_refused(refused, make, type_in, person):
    """Names and addresses that are taken, or none, change nothing."""
    make("ann", email="ann@example.org")
    type_in("")
    assert "no terminal" in refused("user", "add", "bob")
    assert "--password-stdin or --invite" in refused("user", "add", "bob")
    assert "'Ann' is taken" in refused("user", "add", "Ann", "--invite")
    assert "'Configured' is taken" in refused("user", "add", "Configured", "--invite")
    assert "'a/b' cannot be used" in refused("user", "add", "a/b", "--invite")
    taken = refused("user", "add", "bob", "--invite", "--email=ANN@example.org")
    assert "belongs to another account" in taken
    assert "'a//b' is no name" in refused("user", "add", "bob", "--invite", "--group=a//b")
    assert "got 0" in refused("user", "add", "bob", "--password-stdin")
    assert person("bob") is None


def test_user_add_a_deleted_name(do, refused, make, person):
    """The name of who was deleted is given again only if that is said."""
    make("ann")
    assert do("user", "delete", "ann") == {"username": "ann", "state": "deleted"}
    assert "with --again it is given again" in refused("user", "add", "ann", "--invite")
    do("user", "add", "ann", "--invite", "--again")
    assert person("ann").state == "invited"


def test_user_list(do, authz, refused, make):
    """People are found by what is in their names and address, state and group."""
    make("ann", "bob", name="From Accounting")
    make("cy", email="cy@example.org", state="awaiting")
    make("dan")
    do("user", "delete", "dan")
    do("group", "add", "ann", "teacher/physics")
    assert [one["username"] for one in do("user", "list")] == ["ann", "bob", "cy"]
    for option, expected in (
        ("--search=ACCOUNT", ["ann", "bob"]),
        ("--search=cy@", ["cy"]),
        ("--state=awaiting", ["cy"]),
        ("--state=deleted", ["dan"]),
        ("--group=teacher", ["ann"]),
        ("--group=teach", []),
    ):
        assert [one["username"] for one in do("user", "list", option)] == expected
    (cy,) = do("user", "list", "--search=cy")
    assert cy.pop("created") <= time.time()
    assert cy == {
        "username": "cy",
        "name": "",
        "email": "cy@example.org",
        "state": "awaiting",
        "groups": [],
    }
    lines = authz("user", "list").out.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["username", "state", "name", "email", "groups"],
        ["ann", "active", "From", "Accounting", "teacher/physics"],
    ]
    assert authz("user", "list", "--group=nobody").out == "Nobody.\n"
    assert "unknown state 'gone': expected one of 'invited'" in refused(
        "user", "list", "--state=gone"
    )


def test_user_states(do, refused, make, person):
    """Who is blocked, unblocked, approved or deleted is so at once."""
    make("ann")
    make("bob", state="awaiting")
    assert do("user", "block", "ann") == {"username": "ann", "state": "blocked"}
    assert person("ann").state == "blocked"
    assert "is 'blocked', expected 'awaiting' or 'unverified'" in refused("user", "approve", "ann")
    assert do("user", "unblock", "ann")["state"] == person("ann").state == "active"
    assert do("user", "approve", "bob")["state"] == person("bob").state == "active"
    assert "'bob' is 'active', expected 'blocked'" in refused("user", "unblock", "bob")
    do("user", "delete", "bob")
    assert person("bob").state == "deleted"
    for verb in ("block", "unblock", "approve", "delete", "link"):
        assert "there is no user 'bob'" in refused("user", verb, "bob")


def test_accounts_of_the_configuration(do, refused, person, type_in):
    """An account of the configuration is blocked in the store, and is not changed there."""
    do("user", "block", "configured")
    assert person("configured").state == "blocked"
    do("user", "block", "named")
    assert person("named").state == "blocked"
    type_in("a long password")
    for arguments in (["delete"], ["passwd", "--password-stdin"], ["link", "--invite"]):
        verb, *options = arguments
        assert "stands in the configuration" in refused("user", verb, "configured", *options)


def test_people_of_another_identity_provider(do, authz, refused, configure, person):
    """Where people sign in in another way there are no passwords, links and tokens."""
    configure(ACCOUNTS)
    assert do("user", "add", "ann", "--group=manager")["state"] == "active"
    assert person("ann").password is None
    for arguments in (
        ["user", "add", "bob", "--invite"],
        ["user", "passwd", "ann"],
        ["user", "link", "ann"],
        ["token", "add", "ann", "nightly"],
    ):
        assert "people sign in to this server in another way" in refused(*arguments)
    do("user", "block", "ann")
    assert "kept out only while" in refused("user", "delete", "ann")


def test_user_passwd(  # noqa: PLR0913, PLR0917 - fixtures
    do, refused, make, store, person, type_in
):
    """A new password ends what was signed in by the old one; the invited are active then."""
    make("ann", state="invited")
    with store.writing() as writing:
        people.set_state(writing, "ann", people.ACTIVE)
        secrets.begin_session(writing, "ann")
        people.set_state(writing, "ann", people.INVITED)
    type_in("a long password\n")
    assert do("user", "passwd", "ann", "--password-stdin")["state"] == "active"
    assert passwd_check(person("ann").password, "a long password")
    assert not snapshot.read(store).sessions
    type_in("")
    assert "there is no terminal to ask" in refused("user", "passwd", "ann")
    assert "there is no user 'bob'" in refused("user", "passwd", "bob")


def test_user_link(do, authz, refused, make, store):
    """A link signs in once, or sets a password; who is blocked gets none."""
    make("ann")
    answer = do("user", "link", "ann")
    assert use(store, answer["link"], "sign-in", secrets.SIGN_IN) == "ann"
    with pytest.raises(RefusedError):
        use(store, answer["link"], "sign-in", secrets.SIGN_IN)
    invitation = authz("user", "link", "ann", "--invite").out.splitlines()
    assert use(store, invitation[0], "reset", secrets.RESET) == "ann"
    assert re.fullmatch(r"good for once, until 20..-..-.. ..:.. UTC", invitation[1])
    # Of the configuration.
    assert do("user", "link", "configured")["username"] == "configured"
    do("user", "block", "ann")
    assert "is blocked" in refused("user", "link", "ann")
    assert "is blocked" in refused("user", "link", "ann", "--invite")


# ---------------------------------------------------------------------- groups


def test_groups(do, authz, refused, make):
    """Groups are added, removed, listed with counts, found and deleted, hierarchically."""
    make("ann", "bob")
    added = do("group", "add", "ann", "/teacher/physics/", "staff")
    assert added == {"username": "ann", "groups": ["staff", "teacher/physics"]}
    do("group", "add", "bob", "teacher")
    do("group", "add", "named", "staff")
    assert do("group", "list") == [
        {"group": "staff", "members": 2, "direct": 2},
        {"group": "teacher", "members": 2, "direct": 1},
        {"group": "teacher/physics", "members": 1, "direct": 1},
    ]
    assert authz("group", "list").out.splitlines() == [
        "staff  2 (2 directly)",
        "teacher  2 (1 directly)",
        "  physics  1 (1 directly)",
    ]
    assert do("group", "list", "ann") == added
    assert "there is no user 'cy'" in refused("group", "list", "cy")
    assert do("group", "find", "teacher") == ["ann", "bob"]
    assert do("group", "find", "teacher", "staff") == ["ann", "bob", "named"]
    assert do("group", "find", "teacher", "staff", "--all") == ["ann"]
    assert authz("group", "find", "nobody").out == "Nobody.\n"
    message = refused("group", "remove", "ann", "staff", "teacher")
    assert "'ann' is not directly in the group 'teacher'" in message
    assert do("group", "list", "ann") == added
    assert do("group", "remove", "ann", "staff")["groups"] == ["teacher/physics"]
    assert "there is no user 'cy'" in refused("group", "add", "cy", "staff")
    assert do("group", "delete", "teacher") == {"group": "teacher", "members": ["ann", "bob"]}
    assert "there is no group 'teacher'" in refused("group", "delete", "teacher")
    assert [one["group"] for one in do("group", "list")] == ["staff"]


# ---------------------------------------------------------------------- roles and tokens


def test_grants(do, authz, refused, make):
    """Roles of the policy are given to users and groups, for a time or for good, and taken."""
    make("ann")
    assert do("grants") == []
    assert authz("grants").out == "No grants.\n"
    given = do("grant", "guide", "--user=ann", "--expires=2100-01-31")
    assert given == {"role": "guide", "user": "ann", "group": None, "expires": 4105123200}
    do("grant", "guide", "--group=/teacher/")
    do("grant", "everyone", "--group=teacher", "--days=30")
    everyone, to_ann, to_teachers = do("grants")
    assert abs(everyone["expires"] - time.time() - 30 * 24 * 3600) < 60
    assert (to_ann["user"], to_ann["group"], to_ann["expires"]) == ("ann", None, 4105123200)
    assert (to_teachers["group"], to_teachers["expires"]) == ("teacher", None)
    assert to_ann["granted_by"] == f"{getpass.getuser()}@command-line"
    lines = authz("grants").out.splitlines()
    assert lines[0].split() == ["role", "given", "to", "until", "by"]
    assert re.fullmatch(r"guide +user ann +2100-02-01 00:00 UTC +\S+@command-line", lines[2])
    assert re.fullmatch(r"guide +group teacher +never +\S+@command-line", lines[3])
    for arguments, message in (
        (["guid", "--user=ann"], "there is no role 'guid': expected one of 'everyone', 'guide'"),
        (["guide", "--user=bob"], "there is no user 'bob'"),
        (["guide", "--user=ann", "--expires=2001-01-01"], "got one that is past"),
        (["guide", "--user=ann", "--expires=31.1.2100"], "got '31.1.2100'"),
    ):
        assert message in refused("grant", *arguments)
    assert do("revoke", "guide", "--user=ann") == {"role": "guide", "user": "ann", "group": None}
    assert "was not given to the user 'ann'" in refused("revoke", "guide", "--user=ann")
    do("revoke", "guide", "--group=teacher")
    assert [one["role"] for one in do("grants")] == ["everyone"]


def test_tokens(do, authz, refused, make, store):
    """A token is printed once, is limited and ends; the list does not tell it."""
    make("ann")
    made = do("token", "add", "ann", "nightly", "--permission=read:contents", "--days=3")
    assert made["permissions"] == ["read:contents"]
    assert abs(made["expires"] - time.time() - 3 * 24 * 3600) < 60
    assert "at most 365 days, got 36500" in refused("token", "add", "ann", "long", "--days=36500")
    longest = do("token", "add", "ann", "long")["expires"]
    assert abs(longest - time.time() - 365 * 24 * 3600) < 60
    never = do("token", "add", "ann", "forever", "--Accounts.token_limit=0")
    assert (never["permissions"], never["expires"]) == (None, None)
    listed = do("token", "list", "ann")
    assert [one["name"] for one in listed] == ["forever", "long", "nightly"]
    assert listed[2]["permissions"] == ["read:contents"]
    text = authz("token", "list", "ann").out
    assert made["token"] not in text + json.dumps(listed)
    assert "everything" in text
    for arguments, message in (
        (["ann", "nightly"], "there is a token 'nightly' already"),
        (["ann", "x", "--permission=raed:contents"], "unknown action 'raed'"),
        (["bob", "x"], "there is no user 'bob'"),
    ):
        assert message in refused("token", "add", *arguments)
    do("token", "delete", "ann", listed[2]["id"])
    assert "there is no token" in refused("token", "delete", "ann", listed[2]["id"])
    assert len(snapshot.read(store).tokens) == 2


def test_no_policy(refused, configure, make):
    """Without a policy there is no role to give, and nothing to limit a token by."""
    make("ann")
    configure(PROVIDER + "c.Accounts.enabled = True")
    assert "expected one of roles in c.JupyterAuthz.roles" in refused("grant", "r", "--user=ann")
    limited = refused("token", "add", "ann", "x", "--permission=read")
    assert "expected c.JupyterAuthz.roles" in limited


# ---------------------------------------------------------------------- many at once


@pytest.fixture
def table(home):
    """Give a function that writes a CSV file and gives its path."""

    def write(*lines, encoding="utf-8"):
        path = home / "people.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return str(path)

    return write


def test_user_import(do, authz, person, table):
    """All columns are read, in any order; who has no password is invited."""
    path = table(
        "groups,username,email,name,hashed_password",
        f'team/a; staff,ann,ann@example.org,"Ann, A.",{HASH}',
        "",
        ",bob,,,",
        encoding="utf-8-sig",
    )
    assert do("user", "import", path) == {"users": 2, "invited": 1, "memberships": 2}
    ann, bob = person("ann"), person("bob")
    assert (ann.name, ann.email, ann.state) == ("Ann, A.", "ann@example.org", "active")
    assert (ann.groups, ann.password) == (("staff", "team/a"), HASH)
    assert (bob.name, bob.email, bob.state, bob.groups) == ("", None, "invited", ())
    assert [one["group"] for one in do("group", "list")] == ["staff", "team", "team/a"]
    only = authz("user", "import", table("username", "cy"))
    told = "Made 1 users; 1 have no password yet: see `jupyter authz user link`.\n"
    assert only.out == told


HEAD = "username,email,groups,hashed_password"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEAD, "ok,,,", "a/b,,,"], "line 3, column 'username': the username 'a/b' cannot be"),
        ([HEAD, "ok,,,", "OK,,,"], "line 3, column 'username': the username 'OK' is taken: see"),
        ([HEAD, "Ann,,,"], "line 2, column 'username': the username 'Ann' is taken"),
        ([HEAD, "CONFIGURED,,,"], "column 'username': the username 'CONFIGURED' is taken"),
        ([HEAD, "gone,,,"], "column 'username': the username 'gone' is taken"),
        ([HEAD, "ok,nobody,,"], "line 2, column 'email': expected an address"),
        ([HEAD, "ok,ANN@example.org,,"], "column 'email': the address 'ANN@example.org' belongs"),
        ([HEAD, "x,x@x.org,,", "ok,X@x.org,,"], "line 3, column 'email': the address 'X@x.org'"),
        ([HEAD, "ok,,a;b//c,"], "line 2, column 'groups': groups: the group 'b//c' is no name"),
        ([HEAD, "ok,,,open sesame"], "line 2, column 'hashed_password': expected a hash as"),
        ([HEAD, "ok,,"], "line 2: expected 4 columns, got 3"),
        ([HEAD, '"ok\n'], "line 3: unexpected end of data"),
        (["username,emial", "ok,"], "line 1: unknown column 'emial', expected 'username', 'name'"),
        (["username,emial", "ok,"], "(did you mean 'email'?)"),
        (["username,username", "ok,ok"], "line 1: the column 'username' twice"),
        (["email", "a@b.c"], "line 1: no column 'username'"),
    ],
)
def test_user_import_is_all_or_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    do, refused, make, table, lines, message
):
    """Whatever is wrong in any line, nothing is made, and the line is told; no secret is."""
    make("ann", email="ann@example.org")
    make("gone")
    do("user", "delete", "gone")
    told = refused("user", "import", table(*lines))
    assert "people.csv, " in told
    assert message in told
    assert "sesame" not in told
    assert [one["username"] for one in do("user", "list")] == ["ann"]
    assert do("group", "list") == []


def test_import_of_no_file(refused, home, table):
    """A file that is not there, or is no text, is told."""
    assert "cannot be read" in refused("user", "import", str(home / "none.csv"))
    assert "in UTF-8" in refused("user", "import", table("username", "é", encoding="latin-1"))


def test_group_import(do, refused, make, table):
    """People are put into groups, all or none; those of the configuration, too."""
    make("ann", "bob")
    do("group", "add", "ann", "team")
    path = table("username,group", "ann,team", "ann,/team/a/", "ann,team/a", "named,staff")
    assert do("group", "import", path) == {"rows": 4, "memberships": 2}
    assert do("group", "find", "team/a") == ["ann"]
    assert do("group", "find", "staff") == ["named"]
    told = refused("group", "import", table("username,group", "bob,new", "cy,new"))
    assert "line 3, column 'username': there is no user 'cy'" in told
    told = refused("group", "import", table("username,group", "bob,new", "bob,"))
    assert "line 3, column 'group': groups: the group '' is no name" in told
    assert do("group", "list", "bob")["groups"] == []


def test_import_of_many(do, table, store):
    """A hundred thousand people in ten thousand groups take seconds."""
    number = 100_000
    lines = (f"user{n},{n}@example.org,school/{n % 100}/{n % 10_000}" for n in range(number))
    path = table("username,email,groups", *lines)
    before = time.monotonic()
    assert do("user", "import", path)["memberships"] == number
    assert time.monotonic() - before < 60
    with store.reading() as connection:
        assert len(tags.find(connection, "school/7")) == number // 100
    again = table("username,group", *(f"user{n},staff" for n in range(number)))
    before = time.monotonic()
    assert do("group", "import", again)["memberships"] == number
    assert time.monotonic() - before < 60


def test_progress_is_shown_on_a_terminal_only(authz, table, monkeypatch):
    """How far an import is stands on the terminal, and is wiped out at its end."""
    monkeypatch.setattr("jupyter_authz.cli.tables.sys.stderr", terminal := io.StringIO())
    terminal.isatty = lambda: True
    authz("user", "import", table("username", *(f"user{n}" for n in range(50))))
    assert "\rChecking:  50 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


# ---------------------------------------------------------------------- the beginning


def test_init(do, authz, home, person, store):
    """The configuration is valid as it is, and the administrator may manage people."""
    directory = home / "new" / "hub"
    made = do("init", str(directory), "--admin=ann")
    path = directory / "jupyter_server_config.py"
    assert made["config"] == str(path)
    assert f" --config={path}" in made["start"]
    assert (directory / "files").is_dir()
    assert "/authz/sign-in?link=" in made["link"]
    assert person("ann").groups == ("manager",)
    secret = made["link"].partition("link=")[2]
    with store.writing() as writing:
        assert secrets.use_link(writing, secret, secrets.SIGN_IN).username == "ann"
    report = authz("check", "--json", f"--config={path}").json
    assert report["valid"]
    assert report["identity_provider"].endswith("AccountsIdentityProvider")
    assert [role["name"] for role in report["roles"]] == ["manager", "team", "everyone"]
    assert "execute-voids-file-rules" not in {one["code"] for one in report["warnings"]}


def test_init_in_words(authz, home, terminal):
    """The name is asked for, and what is printed can be typed."""
    terminal("ann")
    result = authz("init")
    path = home / "root" / "jupyter_server_config.py"
    as_root = " --allow-root" if os.geteuid() == 0 else ""
    assert f"jupyter lab --config={path}{as_root}\n" in result.out
    database = home / "data" / "authz" / "accounts.db"
    assert f"These are kept in sqlite:///{database}.\n" in result.out
    assert f"jupyter authz user passwd ann --config={path}\n" in result.out
    assert "\nhttp://" in result.out


def test_init_is_refused(refused, home, make, type_in):
    """No file is overwritten, and none is left where something is refused."""
    path = home / "root" / "jupyter_server_config.py"
    type_in("")
    assert "expected --admin=NAME" in refused("init")
    assert "unexpected --config" in refused("init", "--admin=ann", "--config=x.py")
    assert "'a/b' cannot be used" in refused("init", "--admin=a/b")
    make("ann")
    assert "'ann' is taken" in refused("init", "--admin=ann")
    assert not path.exists()
    path.write_text("# mine")
    assert f"{path} is there already" in refused("init", "--admin=bob")
    assert path.read_text() == "# mine"


# ---------------------------------------------------------------------- the true command


def test_true_command(shell, person):
    """The command that people type prints JSON alone, with every extension there is."""
    result = shell("user", "add", "ann", "--invite", "--group=team/finance", "--json")
    assert (result.status, result.err) == (0, "")
    assert result.json["state"] == "invited"
    assert person("ann").groups == ("team/finance",)


def test_true_command_without_the_extra(shell, home, monkeypatch):
    """Where SQLAlchemy is not installed the command says what to install, and leaves nothing."""
    packages = home / "packages"
    packages.mkdir()
    (packages / "sqlalchemy.py").write_text("raise ImportError('no module named sqlalchemy')")
    monkeypatch.setenv("PYTHONPATH", str(packages))
    result = shell("init", "--admin=ann")
    assert (result.status, result.out) == (2, "")
    assert 'pip install "jupyter_authz[accounts]"' in result.err
    assert result.err.count("\n") == 1
    assert not list(Path(home, "root").iterdir())


# ---------------------------------------------------------------------- the README


def test_the_commands_of_the_readme(authz, home, monkeypatch):
    """One after another, as they stand there, in a directory of its own."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(home / "nothing"))
    Path("people.csv").write_text(block("csv"))
    shown = ""
    for line in (block("init") + block("people-commands")).splitlines():
        program, *arguments = shlex.split(line, comments=True)
        if program == "export":
            monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(Path.cwd()))
            # As an installation does for all.
            fragments = Path("jupyter_server_config.d")
            fragments.mkdir()
            (fragments / "jupyter_authz.json").write_text(json.dumps(ENABLED))
            continue
        assert (program, arguments.pop(0)) == ("jupyter", "authz")
        result = authz(*arguments)
        assert (result.status, result.err) == (0, ""), line
        shown += result.out
    links = re.findall(r"^http://localhost:8888/authz/([\w-]+)\?link=\S+$", shown, re.MULTILINE)
    assert links == ["sign-in", "reset", "reset"]
    for expected in ("Made 2 users", "team/audit", "Blocked 'cy'.", "Took the role 'team'"):
        assert expected in shown, shown
