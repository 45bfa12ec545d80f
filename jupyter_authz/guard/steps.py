"""Steps of a coroutine, taken without waiting for the event loop as long as they can be.

Beside the entrance and the door. Most requests are decided about without waiting for anything, and
a turn of the event loop costs more than the decision.
"""

from __future__ import annotations

import asyncio
from types import coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator


def begun(steps: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Run a coroutine at once up to where it has to wait, and from there as a task."""
    try:
        steps.send(None)
    except StopIteration:
        return None
    return asyncio.ensure_future(steps)


@coroutine
def go_on_in_a_task() -> Generator[None, None, None]:
    """Wait for nothing: what `begun` has begun goes on as a task."""
    yield


async def taken(steps: Coroutine[Any, Any, Any]) -> Any:
    """Take the steps of a coroutine that has nothing to wait for.

    Unlike `await` within a task of its own, what it waits for after all it must not tie to the
    task that it was begun in.
    """
    try:
        awaited = steps.send(None)
    except StopIteration as stop:
        return stop.value
    await go_on_in_a_task()
    return await _rest(steps, awaited)


@coroutine
def _rest(steps: Coroutine[Any, Any, Any], awaited: Any) -> Generator[Any, Any, Any]:
    while True:
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is theirs
            step: Callable[[Any], Any] = steps.throw
            argument: Any = error
        else:
            step, argument = steps.send, sent
        try:
            awaited = step(argument)
        except StopIteration as stop:
            return stop.value
