"""Threads for the slow checks of passwords and tokens, so that the event loop never waits."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Workers:
    """A few threads with a bounded queue; to be used from one event loop.

    Parameters
    ----------
    name
        How the threads are called.
    threads
        How many checks run at once. An argon2 hash as jupyter_server makes it uses 10 MiB and
        itself several threads.
    capacity
        How many checks may run or wait.
    """

    def __init__(self, name: str, *, threads: int, capacity: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"jupyter_authz-{name}")
        self._capacity = capacity
        self._under_way = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be asked for now."""
        return self._under_way >= self._capacity

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in a thread and give what it returns."""
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, function, *arguments)
        finally:
            self._under_way -= 1
