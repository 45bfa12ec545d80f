"""The entrance: receives a request for any target, and hands it over once that is decided.

Stands before handler classes, callables, routers and nested applications alike. Until the decision
nothing of the target exists: no handler is made, so that nothing it overrides can run.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPMessageDelegate

from jupyter_authz.guard.steps import begun, go_on_in_a_task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.httputil import (
        HTTPHeaders,
        HTTPServerRequest,
        RequestStartLine,
        ResponseStartLine,
    )

    from jupyter_authz.guard.door import Door
    from jupyter_authz.guard.http import Guard
    from jupyter_authz.guard.routes import Route


class Entrance(HTTPMessageDelegate):
    """Receives one request.

    Parameters
    ----------
    guard
        Who decides.
    request
        The request, its body yet to come.
    route
        Where it goes.
    arguments
        What the pattern matched, as tornado passes it on.
    make_delegate
        Makes what the target receives requests with.
    """

    def __init__(
        self,
        guard: Guard,
        request: HTTPServerRequest,
        route: Route,
        arguments: dict[str, Any],
        make_delegate: Callable[[], HTTPMessageDelegate],
    ) -> None:
        self._guard = guard
        self._request = request
        self._route = route
        self._arguments = arguments
        self._make_delegate = make_delegate
        # A handler that takes its body in pieces is let in, or not, before the first of them.
        self._streams = route.streams
        self._start_line: Any = None
        self._chunks: list[bytes] = []
        # The target's, once it has been let in.
        self._delegate: HTTPMessageDelegate | None = None
        # In which this goes on, once there was something to wait for.
        self._task: asyncio.Task[Any] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Take the headers; the connection waits for what this returns."""
        del headers  # those of the request, which may lose some before they are handed over
        self._start_line = start_line
        if not self._streams:
            return None
        self._task = asyncio.ensure_future(self._enter())
        return self._task

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a piece of the body."""
        if not self._streams:
            self._chunks.append(chunk)
        elif self._delegate is not None:
            return self._delegate.data_received(chunk)
        return None

    def finish(self) -> None:
        """Take the end of the request."""
        if not self._streams:
            # Of a large body there must not be more copies than needed.
            self._request.body = b"".join(self._chunks)
            self._chunks.clear()
            # INVARIANT: what one request leaves in its context is not there for the next one of
            # the connection. tests/guard/test_connections.py::test_context_ends_with_the_request
            self._task = copy_context().run(begun, self._enter())
        elif self._delegate is not None:
            self._delegate.finish()
            self._note(self._delegate)

    def on_connection_close(self) -> None:
        """Tell the target that its client is gone."""
        if self._delegate is not None:
            self._delegate.on_connection_close()

    async def settle(self, value: Any) -> Any:
        """Give a value, waiting for it where it has to be waited for.

        What is awaited may rely on running in a task, so this goes on in one from then on.
        """
        if not isawaitable(value):
            return value
        if self._task is None:
            await go_on_in_a_task()
        return await value

    async def _enter(self) -> None:
        door = self._guard.door(self._route, self._request)
        try:
            is_let_in = await door.lets_in(self._arguments, self.settle, streams=self._streams)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - nobody else would answer
            try:
                door.fail(error)
            except Exception as second:  # noqa: BLE001 - whatever it is
                self._give_up(door, second)
            return
        if not is_let_in:
            return
        try:
            await self._hand_over()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is
            # The target cannot even be made. Tornado closes the connection, too.
            self._give_up(door, error)

    def _give_up(self, door: Door, error: BaseException) -> None:
        """Close the connection, so that nobody waits for an answer that cannot be given."""
        door.log.error("Uncaught exception", exc_info=error)
        connection: Any = self._request.connection
        connection.close()

    async def _hand_over(self) -> None:
        delegate = self._make_delegate()
        self._delegate = delegate
        received = delegate.headers_received(self._start_line, self._request.headers)
        if received is not None:
            await self.settle(received)
        if self._streams:
            return
        if self._request.body:
            await self.settle(delegate.data_received(self._request.body))
        delegate.finish()
        self._note(delegate)

    def _note(self, delegate: HTTPMessageDelegate) -> None:
        # Callables and nested applications have none.
        handler = getattr(delegate, "handler", None)
        if handler is not None:
            self._guard.note_connection(handler, self._request)
