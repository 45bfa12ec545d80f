"""What is open: known to the guard, decided about anew when something changes, and closed.

Websockets, and replies that go on piece by piece. Behind the decision, beside the handlers. Those
that can do with less are limited to it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from jupyter_authz.guard import hook
from jupyter_authz.guard.answers import POLICY_VIOLATION
from jupyter_authz.guard.parties import decided, hook_agrees
from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import ACTIONS, Question
from jupyter_authz.resources.running import sessions

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tornado.web import RequestHandler
    from tornado.websocket import WebSocketHandler

    from jupyter_authz.guard.admission import Admission
    from jupyter_authz.guard.http import Guard
    from jupyter_authz.guard.requirements import Requirement
    from jupyter_authz.model import Action, Resource, Subject
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.resources.running import Sessions

if TYPE_CHECKING:
    # A mixin in truth, as `Stand` is.
    class _Socket(Stand, WebSocketHandler): ...
else:
    _Socket = Stand

_REASON = "You may no longer do this on this server."
# Seconds of deciding before others have their turn: a thousand take about that long, and where
# each turn of the others is long, many of them would make it longer than a second.
_AT_ONCE = 0.1
# How often sessions are listed before nothing is known of them.
_TRIES = 5
# Seconds that a hook has to answer.
_PATIENCE = 1


class Limited(_Socket):
    """Stands before a websocket whose user may do all, or only some, of what it is for."""

    authz_resource: Resource
    authz_subject: Subject
    # Whether it is known by now what it is to.
    authz_has_begun = False
    # The highest action that is allowed.
    authz_level: Action | None = None

    async def authz_find(self, running: Sessions) -> Resource:
        """Find what the websocket is to, as it is now.

        Parameters
        ----------
        running
            Models of all sessions.
        """
        raise NotImplementedError

    def authz_highest(self, policy: Policy) -> Action | None:
        """Give the highest action that is allowed."""
        for action in reversed(ACTIONS):
            if policy.decide(self.authz_subject, Question(action, self.authz_resource)):
                return action
        return None

    def authz_may(self, action: Action) -> bool:
        """Whether what is allowed reaches as far as an action."""
        level = self.authz_level
        return level is not None and ACTIONS.index(action) <= ACTIONS.index(level)

    async def authz_revise(self, user: Any, running: Sessions) -> bool:
        """Find out what is allowed now, and tell whether that is anything.

        Parameters
        ----------
        user
            Jupyter's user.
        running
            Models of all sessions.
        """
        self.authz_subject = subject_of(user)
        self.authz_resource = await self.authz_find(running)
        self.authz_limit()
        return self.authz_level is not None

    def authz_limit(self) -> None:
        """Limit it to what is allowed."""
        policy = self.authz_guard.policy
        self.authz_level = "execute" if policy is None else self.authz_highest(policy)

    async def authz_ask_hook(self, user: Any) -> None:
        """Ask a hook what the policy does not tell, where there is a question of that kind.

        Parameters
        ----------
        user
            Jupyter's user.
        """

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        """Find out what is allowed before the handshake."""
        # INVARIANT: until that is known, it is nothing.
        # tests/guard/test_channels.py::test_what_each_may_send
        self.authz_has_begun = True
        # INVARIANT: what has been taken away since it was decided about opens no websocket.
        # tests/guard/test_revocation.py::test_one_that_is_only_being_opened
        if not await self.authz_revise(self.current_user, await sessions(self.settings)):
            raise HTTPError(403, _REASON)
        if hook.replaced() is not None:
            await self.authz_ask_hook(self.current_user)
        return await ensure_async(super().get(*args, **kwargs))


class Connections:
    """The open websockets of a server.

    Parameters
    ----------
    guard
        Who decides.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._open: MutableMapping[WebSocketHandler, Admission] = WeakKeyDictionary()
        # Whose replies may go on, piece by piece.
        self._replies: MutableMapping[RequestHandler, Admission] = WeakKeyDictionary()
        # What methods of theirs require besides.
        self._required: MutableMapping[RequestHandler, list[Requirement]] = WeakKeyDictionary()
        self._revising: asyncio.Task[None] | None = None
        self._again = False
        self._asks_hook = False

    def add(self, handler: WebSocketHandler, admission: Admission) -> None:
        """Know a websocket from its handshake on."""
        self._open[handler] = admission

    def add_reply(self, handler: RequestHandler, admission: Admission) -> None:
        """Know a request that has not been answered at once."""
        self._replies[handler] = admission

    def require(self, handler: Any, requirement: Requirement) -> None:
        """Note what a method of a websocket has required: it is to hold while that is open.

        Of other handlers nothing is noted.
        """
        if handler in self._open:
            noted = self._required.setdefault(handler, [])
            if requirement not in noted:
                noted.append(requirement)

    def revise_soon(self, *, asks_hook: bool = True) -> None:
        """Decide anew about all of them; what changes meanwhile is taken account of.

        Parameters
        ----------
        asks_hook
            Whether a hook is asked anew, too: not where only paths have changed, of which it is
            not told.
        """
        if not self._open and not self._replies:
            # At the start no loop runs yet.
            return
        self._again = True
        self._asks_hook = self._asks_hook or asks_hook
        if self._revising is None or self._revising.done():
            self._revising = asyncio.ensure_future(self._revise_until_settled())

    async def _revise_until_settled(self) -> None:
        while self._again:
            self._again = False
            await self.revise()

    async def revise(self) -> None:
        """Decide anew about all of them, and close those that are not allowed any more."""
        running = await self._sessions()
        pause = time.monotonic() + _AT_ONCE
        for handler, admission in tuple(self._open.items()):
            if time.monotonic() > pause:
                await asyncio.sleep(0)
                pause = time.monotonic() + _AT_ONCE
            try:
                is_allowed = running is not None and await self._is_allowed(
                    handler, admission, running
                )
            except Exception:
                self._guard.log.exception("jupyter_authz | an error while deciding")
                is_allowed = False
            if not is_allowed:
                self._close(handler)
        await self._revise_replies(running)
        asks_hook, self._asks_hook = self._asks_hook, False
        if asks_hook and (hook.replaced() is not None or self._guard.callback is not None):
            # At once, and after the policy: one that takes its time delays nobody's revocation.
            asked = [*self._open.items(), *self._going_on()]
            await asyncio.gather(*(self._ask_hook(*one) for one in asked))

    def _going_on(self) -> list[tuple[RequestHandler, Admission]]:
        """Give the replies that have begun and go on, and those for which others are asked.

        Of ours, one that has not begun is about what was decided: whoever signs out is told so.
        """
        return [
            (handler, admission)
            for handler, admission in self._replies.items()
            if (handler._headers_written or admission.route.row.hides_credentials)  # noqa: SLF001
            and not handler._finished  # noqa: SLF001 - tornado's own
        ]

    async def _revise_replies(self, running: Sessions | None) -> None:
        """Decide anew about replies that go on, and end those not allowed."""
        for handler, admission in self._going_on():
            try:
                is_allowed = await self._is_allowed(handler, admission, running or [])
            except Exception:
                self._guard.log.exception("jupyter_authz | an error while deciding")
                is_allowed = False
            if not is_allowed:
                self._end(handler)

    def _end(self, handler: Any) -> None:
        """End a reply, and know it no more."""
        # INVARIANT: tests/guard/test_revocation.py::test_a_reply_that_goes_on
        self._replies.pop(handler, None)
        handler.request.connection.stream.close()

    async def _sessions(self) -> Sessions | None:
        """Give the models of all sessions; None where the server cannot list them."""
        for _ in range(_TRIES):
            try:
                return await sessions(self._guard.settings)
            except Exception:  # noqa: PERF203 - it is tried again
                # A kernel may die while it is listed.
                self._guard.log.exception("jupyter_authz | an error while listing sessions")
                await asyncio.sleep(_AT_ONCE)
        return None

    async def _ask_hook(self, handler: Any, admission: Admission) -> None:
        # INVARIANT: what a hook says now counts for what is open, too.
        # tests/test_reload.py::test_a_hook_counts_for_what_is_open
        asker = admission.asker or handler

        async def ask() -> bool:
            guard = self._guard
            # INVARIANT: with the groups that somebody has now.
            # tests/guard/test_callback.py::test_what_is_open
            user = await self._user_now(handler, admission)
            if user is None:
                return False
            asker.current_user = user
            found = await guard.ask_callback(asker, user, subject_of(user), ensure_async)
            if not found.allowed or hook.replaced() is None:
                return found.allowed
            if isinstance(handler, Limited):
                await handler.authz_ask_hook(user)
            required = self._required.get(handler, ())
            asked = [*admission.asked, *(one for each in required for one in each.questions)]
            return bool(await hook_agrees(asker, user, asked, self._guard.log, ensure_async))

        asking = asyncio.ensure_future(ask())
        # INVARIANT: one that does not end, not even when it is cancelled, delays nobody's
        # revocation. tests/guard/test_callback.py::test_one_that_never_answers
        await asyncio.wait([asking], timeout=_PATIENCE)
        agreed = False
        try:
            if asking.done():
                agreed = asking.result()
            else:
                asking.cancel()
                self._guard.log.error("jupyter_authz | no answer within %s second(s)", _PATIENCE)
        except (Exception, asyncio.CancelledError):
            self._guard.log.exception("jupyter_authz | an error while asking a hook")
        if not agreed and handler in self._replies:
            self._end(handler)
        elif not agreed:
            self._close(handler)

    async def _user_now(self, handler: RequestHandler, admission: Admission) -> Any:
        """Give Jupyter's user as known now; None is gone."""
        # INVARIANT: who is gone has nothing open any more.
        # tests/guard/test_revocation.py::test_accounts_and_tokens
        look = getattr(self._guard.settings["identity_provider"], "get_user_anew", None)
        return (
            admission.user if look is None else await ensure_async(look(admission.asker or handler))
        )

    async def _is_allowed(
        self, handler: RequestHandler, admission: Admission, running: Sessions
    ) -> bool:
        user = await self._user_now(handler, admission)
        if user is None:
            return False
        if isinstance(handler, Stand):
            handler.authz_user = user
        # One that has only been made finds out by itself what it is to, before its handshake.
        limited = handler if isinstance(handler, Limited) and handler.authz_has_begun else None
        if limited is not None and not await limited.authz_revise(user, running):
            return False
        policy, subject = self._guard.policy, subject_of(user)
        # INVARIANT: tests/guard/test_requirements.py::test_a_websocket
        if not all(one.decide(self._guard, subject) for one in self._required.get(handler, ())):
            return False
        asked = [q for q in admission.asked if limited is None or not q.enough]
        return policy is None or all(decided(policy, subject, one) for one in asked)

    def _close(self, handler: Any) -> None:
        """Close a websocket, and know it no more."""
        self._open.pop(handler, None)
        # INVARIANT: what a client goes on sending, until it answers that it closes too, goes
        # nowhere. tests/guard/test_revocation.py::test_a_client_that_does_not_close
        handler.on_message = _deaf
        # INVARIANT: one that cannot be closed, as its client has gone meanwhile, keeps no other
        # from being closed. tests/guard/test_revocation.py::test_one_that_cannot_be_closed
        try:
            if handler.ws_connection is not None:
                handler.close(POLICY_VIOLATION, _REASON)
            elif not handler._finished:  # noqa: SLF001 - as tornado's own
                # The handshake is still under way.
                handler.request.connection.stream.close()
        except Exception:
            self._guard.log.exception("jupyter_authz | an error while closing a websocket")
            _abort(handler)


def _deaf(*_: Any) -> None:
    pass


def _abort(handler: Any) -> None:
    """Close what a websocket runs over, if it is still there."""
    stream = getattr(handler.ws_connection, "stream", None)
    if stream is not None:
        stream.close()
