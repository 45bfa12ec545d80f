"""Mails to people, sent while nobody waits for them; how often something may be done.

Between the service, which writes them, and `mail`, which knows how they are sent.
"""

from __future__ import annotations

import asyncio
import random
import smtplib
import time
from email.errors import MessageError
from typing import TYPE_CHECKING, Any

from jupyter_authz.accounts import people
from jupyter_authz.errors import StoreLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from logging import Logger

    from jupyter_authz.accounts.mail import Mailer

# Mails to one address within an hour.
_MOST_MAILS = 5
_HOUR = 3600
_KEPT = 10_000
# Seconds, between which chance chooses.
_LATER = (0.05, 1.0)


class Limit:
    """How often something may be done within an hour, in memory.

    Parameters
    ----------
    most
        How often, for each key.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, list[float]] = {}

    def allows(self, key: str) -> bool:
        """Whether it may be done once more, which is counted."""
        now = time.monotonic()
        times = [one for one in self._times.pop(key, []) if now - one < _HOUR]
        allowed = len(times) < self._most
        self._times[key] = [*times, now] if allowed else times
        if len(self._times) > _KEPT:
            del self._times[next(iter(self._times))]
        return allowed


class Post:
    """Sends mails, and does what nobody is to wait for.

    Parameters
    ----------
    mailer
        Sends one mail, and waits for it.
    log
        Told what could not be done.
    """

    def __init__(self, mailer: Mailer, log: Logger) -> None:
        self._mailer = mailer
        self._log = log
        self._mails = Limit(_MOST_MAILS)
        # A loop keeps no task alive by itself.
        self._tasks: set[asyncio.Task[None]] = set()

    def allows(self, to: str) -> bool:
        """Whether one more mail may be sent to an address, which is counted."""
        allowed = self._mails.allows(people.email_key(to))
        if not allowed:
            self._log.warning("jupyter_authz | too many mails to %s within an hour, sent none", to)
        return allowed

    def send(self, to: str, subject: str, text: str) -> None:
        """Have a mail sent, unless there were too many; nobody learns whether there was one."""
        if self.allows(to):
            self.deliver(to, subject, text)

    def deliver(self, to: str, subject: str, text: str) -> None:
        """Have a mail sent that was allowed; nobody waits for it."""

        async def send() -> None:
            try:
                await asyncio.to_thread(self._mailer, to=to, subject=subject, text=text)
            except (OSError, smtplib.SMTPException, MessageError, ValueError) as error:
                self._log.error("jupyter_authz | a mail to %s could not be sent: %s", to, error)
            except Exception:  # noqa: BLE001 - of a mailer of the operator's
                self._log.exception("jupyter_authz | a mail to %s could not be sent", to)

        self._begin(send())

    def do_later(self, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something in its own time: neither how long it takes nor what it holds up tells."""

        async def done() -> None:
            await asyncio.sleep(random.SystemRandom().uniform(*_LATER))
            try:
                await do()
            except StoreLostError as error:
                self._log.error("jupyter_authz | nothing was sent: %s", error)

        self._begin(done())

    def _begin(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
