"""`jupyter authz user ...`: people are made, looked up, blocked, deleted, and let in by a link.

Right of `cli.task`; each function is one verb.
"""

from __future__ import annotations

import os
import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from jupyter_authz.accounts import people, secrets, snapshot, tags
from jupyter_authz.accounts.directory import is_in
from jupyter_authz.cli.passwords import asked
from jupyter_authz.cli.task import Answer, table, told_time
from jupyter_authz.errors import RefusedError

if TYPE_CHECKING:
    from argparse import Namespace

    from jupyter_authz.accounts.snapshot import Person
    from jupyter_authz.accounts.store import Writing
    from jupyter_authz.cli.task import Task

# Page and purpose of the two kinds of links.
_SIGN_IN = ("sign-in", secrets.SIGN_IN)
_INVITATION = ("reset", secrets.RESET)


def add(task: Task, given: Namespace) -> Answer:
    """Make a user."""
    username = people.check_new_username(given.username)
    require_free(task, username)
    if given.invite or given.password_stdin:
        task.require_sign_in()
    hashed = None
    if task.has_sign_in and not given.invite:
        hashed = asked(task.settings, from_stdin=given.password_stdin, instead=" or --invite")
    state = people.INVITED if given.invite else people.ACTIVE
    with task.store.writing() as writing:
        known = people.find(writing.connection, username)
        if known is not None and known.state == people.DELETED and not given.again:
            raise RefusedError(
                "name-taken",
                f"{username!r} was the name of somebody who was deleted: with --again it is given "
                "again, with what still runs under it",
            )
        people.add(
            writing,
            username,
            state=state,
            name=given.name,
            email=given.email,
            password=hashed,
            gives_again=given.again,
        )
        if given.group:
            tags.add(writing, username, given.group)
        link = _link(task, writing, username, _INVITATION) if given.invite else None
    told = f"Made {username!r}." if link is None else f"Invited {username!r}.\n{_told(link)}"
    return Answer({"username": username, "state": state, **(link or _NO_LINK)}, told)


def require_free(task: Task, username: str) -> None:
    """Require a name that no account of the configuration has, in whatever case.

    Raises
    ------
    RefusedError
        One has.
    """
    key = people.username_key(username)
    if any(people.username_key(name) == key for name in task.configured_accounts):
        raise RefusedError("name-taken", f"the username {username!r} is taken")


def look(task: Task, given: Namespace) -> Answer:
    """List people."""
    if given.state and given.state not in people.STATES:
        known = ", ".join(map(repr, people.STATES))
        raise RefusedError("bad-state", f"unknown state {given.state!r}: expected one of {known}")
    (group,) = tags.read_tags(given.group) if given.group else ("",)
    sought = people.username_key(given.search or "")
    found = [
        person
        for _, person in sorted(snapshot.read(task.store).people.items())
        if (person.state == given.state if given.state else person.state != people.DELETED)
        and (not group or is_in(person.groups, group))
        and (not sought or sought in _searched(person))
    ]
    rows = [
        (one.username, one.state, one.name, one.email or "", ", ".join(one.groups)) for one in found
    ]
    return Answer(
        [
            {
                "username": one.username,
                "name": one.name,
                "email": one.email,
                "state": one.state,
                "groups": list(one.groups),
                "created": one.created,
            }
            for one in found
        ],
        table(("username", "state", "name", "email", "groups"), rows, "Nobody."),
    )


def _searched(person: Person) -> str:
    return people.username_key(f"{person.username}\n{person.name}\n{person.email or ''}")


# ---------------------------------------------------------------------- their state


def block(task: Task, given: Namespace) -> Answer:
    """Block somebody: they are signed out at once."""
    with task.store.writing() as writing:
        task.know(writing, given.username)
        people.set_state(writing, given.username, people.BLOCKED)
    return _now(given.username, people.BLOCKED, "Blocked")


def unblock(task: Task, given: Namespace) -> Answer:
    """Let somebody in again."""
    return _activate(task, given.username, {people.BLOCKED}, "Unblocked")


def approve(task: Task, given: Namespace) -> Answer:
    """Agree to an account that somebody has registered."""
    return _activate(task, given.username, {people.AWAITING, people.UNVERIFIED}, "Approved")


def _activate(task: Task, username: str, states: set[str], done: str) -> Answer:
    with task.store.writing() as writing:
        row = people.require(writing.connection, username)
        if row.state not in states:
            expected = " or ".join(repr(state) for state in sorted(states))
            raise RefusedError(
                "bad-state", f"the account {username!r} is {row.state!r}, expected {expected}"
            )
        people.set_state(writing, username, people.ACTIVE)
    return _now(username, people.ACTIVE, done)


def delete(task: Task, given: Namespace) -> Answer:
    """Delete somebody with all that is kept of them."""
    task.require_not_configured(given.username)
    with task.store.writing() as writing:
        row = people.require(writing.connection, given.username)
        # INVARIANT: to be forgotten lifts no block, where others know who may sign in.
        # tests/cli/test_accounts.py::test_people_of_another_identity_provider
        if row.state == people.BLOCKED and not task.has_sign_in:
            raise RefusedError(
                "bad-state",
                f"people sign in here in another way, so that {given.username!r} is kept out only "
                "while the account is here and blocked",
            )
        people.remove(writing, given.username)
    return _now(given.username, people.DELETED, "Deleted")


def _now(username: str, state: str, done: str) -> Answer:
    return Answer({"username": username, "state": state}, f"{done} {username!r}.")


# ---------------------------------------------------------------------- how they sign in


def set_password(task: Task, given: Namespace) -> Answer:
    """Set a password; sessions, tokens and links end."""
    task.require_sign_in()
    task.require_not_configured(given.username)
    with task.store.reading() as connection:
        people.require(connection, given.username)
    hashed = asked(task.settings, from_stdin=given.password_stdin)
    with task.store.writing() as writing:
        people.set_password(writing, given.username, hashed)
        state = people.require(writing.connection, given.username).state
    return _now(given.username, state, "Set the password of")


_NO_LINK = {"link": None, "expires": None}


def link(task: Task, given: Namespace) -> Answer:
    """Make a link to sign in once, or to set a password."""
    task.require_sign_in()
    with task.store.writing() as writing:
        if given.invite:
            task.require_not_configured(given.username)
            row = people.require(writing.connection, given.username)
            if row.state == people.BLOCKED:
                raise RefusedError("bad-state", f"the account {given.username!r} is blocked")
        else:
            task.know(writing, given.username)
            _require_sign_in(writing, given.username)
        kind = _INVITATION if given.invite else _SIGN_IN
        made = _link(task, writing, given.username, kind)
    return Answer({"username": given.username, **made}, _told(made))


def _require_sign_in(writing: Writing, username: str) -> None:
    """Require somebody who may sign in, and tell what else would be of use."""
    if people.require(writing.connection, username).state == people.INVITED:
        raise RefusedError(
            "not-active",
            f"the account {username!r} is invited: expected --invite, for a link with which they "
            "set a password",
        )
    secrets.require_active(writing, username)


def _link(task: Task, writing: Writing, username: str, kind: tuple[str, str]) -> dict[str, Any]:
    page, purpose = kind
    seconds = task.settings.link_limit
    # Whoever is shown it has shown no address to be theirs.
    secret = secrets.make_link(writing, username, purpose, seconds=seconds)
    return {"link": task.link(page, secret), "expires": writing.now + seconds}


def _told(link: dict[str, Any]) -> str:
    return f"{link['link']}\ngood for once, until {told_time(link['expires'])}"


def make_administrator(task: Task, given: Namespace) -> Answer:
    """Make the first administrator of a server whose configuration `cli.init` has written."""
    username = people.check_new_username(given.admin)
    with task.store.writing() as writing:
        people.add(writing, username)
        tags.add(writing, username, given.group)
        made = _link(task, writing, username, _SIGN_IN)
    option = shlex.quote(f"--config={given.path}")
    program = "lab" if find_spec("jupyterlab") else "server"
    start = f"jupyter {program} {option}"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        start += " --allow-root"
    others = len(snapshot.read(task.store).people) - 1
    there = f", in which there are {others} others already" if others else ""
    kept = f"These are kept in {task.store.name}{there}."
    steps = (
        f"Wrote {given.path}, and made {username!r}, who manages people. {kept}",
        "Start the server with",
        start,
        f"and sign in with this link, which is good for once, until {told_time(made['expires'])}:",
        made["link"],
        "For the next time, set a password with",
        f"jupyter authz user passwd {shlex.quote(username)} {option}",
    )
    answer = {"config": str(given.path), "start": start, "username": username, **made}
    return Answer(answer, "\n\n".join(steps))
