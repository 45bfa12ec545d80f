"""What administrators do: people, groups, and roles that are given; each function is one thing.

Between the handlers, pages and REST alike, and the store. Who may do it is asked of the policy, in
the transaction itself; what is refused is refused with a sentence for a person.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.utils import url_path_join

from jupyter_authz.accounts import grants, people, secrets, tags
from jupyter_authz.accounts.administrators import Turn, roles_to_give
from jupyter_authz.accounts.overview import Overview
from jupyter_authz.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_authz.accounts.store import Writing

T = TypeVar("T")

_DAY = dt.timedelta(days=1)


class Administration(Overview):
    """What administrators, and those to whom some of it is left, do."""

    async def _change(
        self,
        user: Any,
        told: str,
        operation: Callable[[Writing], T],
        needs: Callable[[Turn], None] = Turn.require_all,
    ) -> T:
        """Change something, in one transaction with all that is required of it.

        Parameters
        ----------
        user
            Who changes it.
        told
            What the log tells that they did.
        operation
            Called with the transaction.
        needs
            Requires that they may.
        """
        # Here, too, so that nobody who may not do anything keeps others from writing.
        self._require(user)

        def change(writing: Writing) -> T:
            if self._provider is not None:
                secrets.require_session(writing, user.username, user.digest)
            turn = Turn(self._policy(), self._provider, user, writing)
            # INVARIANT: what is taken from somebody counts for what they do next, however soon.
            # tests/accounts/test_administration.py::test_two_at_once
            needs(turn)
            before = turn.left()
            done = operation(writing)
            turn.require_left(before)
            return done

        async def finish() -> T:
            done = await self._live.write(change)
            self._log.info("jupyter_authz | %r %s", user.username, told)
            return done

        # Whoever goes away in the middle is written down all the same.
        return await asyncio.shield(finish())

    def _know(self, writing: Writing, username: str) -> None:
        """Have a row of somebody whom the configuration knows."""
        policy = self._policy()
        if username in self._accounts or username in policy.usernames():
            people.know(writing, [username])

    def _require_not_configured(self, username: str) -> None:
        if username in self._accounts:
            raise RefusedError(
                "configured",
                f"The account {username!r} stands in the configuration: take it out there, or "
                "block it.",
            )

    async def add(
        self, user: Any, *, username: str, name: str = "", email: str = "", group: str = ""
    ) -> None:
        """Invite somebody: they set their password by a link that is sent to them.

        Where people sign in in another way, they are known from now on, and need no link. With a
        group they are in it from the beginning.

        Raises
        ------
        RefusedError
            The name or address is taken, or something is not of the form that it must have.
        """
        key = people.username_key(username)
        if any(people.username_key(known) == key for known in self._accounts):
            raise RefusedError("name-taken", f"the username {username!r} is taken")
        is_invited = self._provider is not None
        if is_invited and not email:
            raise RefusedError(
                "bad-email", "An address is needed, to which the link for a password is sent."
            )
        if email:
            people.check_email(email)

        def add(writing: Writing) -> str | None:
            state = people.INVITED if is_invited else people.ACTIVE
            # Who was deleted is kept out, until somebody who knows of them thinks otherwise.
            people.add(
                writing, username, state=state, name=name, email=email or None, gives_again=True
            )
            if group:
                tags.add(writing, username, group)
            return self._make_link(writing, username, email) if is_invited else None

        secret = await self._change(user, f"added {username!r}", add)
        if secret is not None:
            self._send_link(email, name or username, "You are invited", secret)

    async def change(
        self, user: Any, *, username: str, name: str | None = None, email: str | None = None
    ) -> None:
        """Change the name or address of somebody; an empty address takes it away.

        Raises
        ------
        RefusedError
            They stand in the configuration, or the address is another's.
        """
        self._require_not_configured(username)
        changes: dict[str, Any] = {} if name is None else {"name": name}
        if email is not None:
            changes["email"] = email or None

        def change(writing: Writing) -> None:
            people.change(writing, username, **changes)

        await self._change(user, f"changed {username!r}", change)

    def _make_link(self, writing: Writing, username: str, email: str) -> str:
        seconds = self._service.settings.link_limit
        return secrets.make_link(writing, username, secrets.RESET, seconds=seconds, email=email)

    def _send_link(self, email: str, name: str, subject: str, secret: str) -> None:
        self._service.post.send(
            email,
            subject,
            f"Hello {name},\n\nto set the password of your account, open\n\n"
            f"{self._service.link('reset', secret)}\n\nand then sign in at "
            f"{self._service.public_url}\n",
        )

    async def send_link(self, user: Any, *, username: str) -> None:
        """Send somebody a link to set their password, in place of one that has expired, say.

        Raises
        ------
        RefusedError
            They have no address, or are blocked, or their password stands in the configuration.
        """
        self._require_not_configured(username)

        def make(writing: Writing) -> tuple[str, Any]:
            row = people.require(writing.connection, username)
            if not row.email:
                raise RefusedError("no-email", f"The address of {username!r} is not known.")
            if row.state == people.BLOCKED:
                raise RefusedError("bad-state", f"The account {username!r} is blocked.")
            return self._make_link(writing, username, row.email), row

        secret, row = await self._change(user, f"sent a link to {username!r}", make)
        self._send_link(row.email, row.name or username, "Your password", secret)

    async def block(self, user: Any, *, username: str) -> None:
        """Block somebody: they are signed out at once, and cannot sign in.

        Raises
        ------
        RefusedError
            There is nobody of that name, or nobody else could manage people.
        """

        def block(writing: Writing) -> None:
            self._know(writing, username)
            people.set_state(writing, username, people.BLOCKED)

        await self._change(user, f"blocked {username!r}", block)

    async def unblock(self, user: Any, *, username: str) -> None:
        """Let somebody in again who was blocked.

        Raises
        ------
        RefusedError
            They are not blocked.
        """
        await self._activate(user, "unblocked", username, {people.BLOCKED})

    async def approve(self, user: Any, *, username: str) -> None:
        """Agree to an account that somebody has registered.

        Raises
        ------
        RefusedError
            It does not wait for that.
        """
        awaited = {people.AWAITING, people.UNVERIFIED}
        email = await self._activate(user, "approved", username, awaited)
        if email:
            self._service.post.send(
                email,
                "Your account",
                f"Your account {username!r} was approved: you can sign in now at "
                f"{url_path_join(self._service.public_url, 'login')}\n",
            )

    async def _activate(self, user: Any, told: str, username: str, states: set[str]) -> str | None:
        def activate(writing: Writing) -> str | None:
            row = people.find(writing.connection, username)
            if row is not None and row.state == people.DELETED and username in self._accounts:
                # Was deleted before the configuration had an account of that name.
                people.add(writing, username, gives_again=True)
                return None
            row = people.require(writing.connection, username)
            if row.state not in states:
                raise RefusedError("bad-state", f"The account {username!r} is {row.state}.")
            people.set_state(writing, username, people.ACTIVE)
            email: str | None = row.email
            return email

        return await self._change(user, f"{told} {username!r}", activate)

    async def delete(self, user: Any, *, username: str) -> None:
        """Delete somebody with all that is kept of them.

        Raises
        ------
        RefusedError
            They stand in the configuration, or nobody else could manage people.
        """
        self._require_not_configured(username)

        await self._change(user, f"deleted {username!r}", lambda w: people.remove(w, username))

    async def sign_out(self, user: Any, *, username: str) -> None:
        """End all sessions of somebody.

        Raises
        ------
        RefusedError
            There is nobody of that name.
        """

        def end(writing: Writing) -> None:
            self._know(writing, username)
            people.require(writing.connection, username)
            secrets.end_sessions(writing, username)

        await self._change(user, f"signed out {username!r}", end)

    # ------------------------------------------------------------------ groups

    async def add_to_group(self, user: Any, *, username: str, group: str) -> None:
        """Have somebody in a group, which is made if there is none.

        Raises
        ------
        RefusedError
            There is nobody of that name, or it is no name of a group.
        """

        def add(writing: Writing) -> None:
            self._know(writing, username)
            tags.add(writing, username, group)

        await self._change(user, f"added {username!r} to the group {group!r}", add)

    async def remove_from_group(self, user: Any, *, username: str, group: str) -> None:
        """Take somebody out of a group.

        Raises
        ------
        RefusedError
            They are not in it by what the store says, or nobody else could manage people.
        """

        def remove(writing: Writing) -> None:
            (name,) = tags.read_tags(group)
            if name not in tags.get(writing.connection, username):
                raise RefusedError(
                    "no-group",
                    f"{username!r} is not directly in the group {name!r}, or by the configuration.",
                )
            tags.remove(writing, username, name)

        await self._change(user, f"removed {username!r} from the group {group!r}", remove)

    async def make_group(self, user: Any, *, group: str) -> None:
        """Make a group, and those above it.

        Raises
        ------
        RefusedError
            It is no name of a group.
        """
        await self._change(
            user, f"made the group {group!r}", lambda w: tags.make(w, tags.read_tags(group))
        )

    async def delete_group(self, user: Any, *, group: str) -> None:
        """Delete a group and all below it, with the roles that were given to them.

        Raises
        ------
        RefusedError
            There is none in the store, or nobody else could manage people.
        """
        await self._change(
            user, f"deleted the group {group!r}", lambda w: tags.delete_tag(w, group)
        )

    # ------------------------------------------------------------------ roles

    async def give(
        self, user: Any, *, role: str, username: str = "", group: str = "", until: str = ""
    ) -> None:
        """Give a role to somebody or to a group.

        Parameters
        ----------
        user
            Who gives it.
        role
            Its name.
        username, group
            Whom it is given; one of them.
        until
            The last day on which it counts, as ``2030-12-31``, in UTC; nothing is for good.

        Raises
        ------
        RefusedError
            They may not give it, or there is nobody to give it to.
        """
        holder = _holder(username, group)
        expires = end_of(until)

        def give(writing: Writing) -> None:
            if username:
                self._know(writing, username)
            roles = [one.name for one in roles_to_give(self._policy())]
            by = user.username
            grants.give(writing, role, **holder, expires=expires, by=by, roles=roles)

        when = f" until {until}" if until else ""
        await self._change(
            user,
            f"gave the role {role!r} to {_told(holder)}{when}",
            give,
            lambda turn: turn.require_role(role, **holder),
        )

    async def take(self, user: Any, *, role: str, username: str = "", group: str = "") -> None:
        """Take a role that was given.

        Raises
        ------
        RefusedError
            They may not take it, it was not given, or nobody else could manage people.
        """
        holder = _holder(username, group)
        await self._change(
            user,
            f"took the role {role!r} from {_told(holder)}",
            lambda writing: grants.take(writing, role, **holder),
            lambda turn: turn.require_role(role, **holder),
        )


def _holder(username: str, group: str) -> dict[str, str | None]:
    if bool(username) == bool(group):
        raise RefusedError("bad-holder", "Expected either a user or a group.")
    return {"username": username or None, "group": group or None}


def _told(holder: Mapping[str, str | None]) -> str:
    if holder["username"] is not None:
        return repr(holder["username"])
    return f"the group {holder['group']!r}"


def end_of(day: str) -> int | None:
    """Give when a day ends in UTC, in seconds since 1970; None for no day.

    Raises
    ------
    RefusedError
        It is none.
    """
    if not day:
        return None
    try:
        begin = dt.datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=dt.timezone.utc)
        return int((begin + _DAY).timestamp())
    except (OverflowError, ValueError):
        raise RefusedError(
            "bad-time", f"Expected a day such as '2030-12-31', got {day!r}."
        ) from None
