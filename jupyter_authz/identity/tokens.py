"""Whose token is this? One look-up for most; slow hashes in a thread, remembered afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

from jupyter_authz.identity.credentials import MAX_SECRET_LENGTH, fits, token_digest

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_authz.identity.index import Account, AccountIndex
    from jupyter_authz.identity.workers import Workers

# Tokens that fit nothing; those that fit are at most as many as there are hashes.
REMEMBERED_WRONG = 1000


class TokenFinder:
    """Finds the account a token belongs to, in one index.

    What it remembers lives and dies with the index, so a token that was taken away is not found
    in what was remembered. Memory holds keyed digests, never tokens.

    Parameters
    ----------
    index
        The accounts.
    workers
        Threads for hashes that are slow to check.
    """

    def __init__(self, index: AccountIndex, workers: Workers) -> None:
        self._index = index
        self._workers = workers
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, Account] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Future[Account | None]] = {}

    def find(self, token: str) -> Account | Awaitable[Account | None] | None:
        """Find the account of a token.

        Parameters
        ----------
        token
            As presented, of any length.

        Returns
        -------
        Account, None or an awaitable of either
            An awaitable only where a slow hash has to be checked. A flood of wrong tokens, more
            than the workers can queue, is answered None.
        """
        if len(token) > MAX_SECRET_LENGTH:
            return None
        # A digest that was chosen to share its beginning with a stored one cannot be made, so
        # the time a look-up takes tells nothing.
        account = self._index.tokens.get(token_digest(token))
        if account is not None or not self._index.slow_tokens:
            return account
        key = hashlib.blake2b(token.encode(), key=self._key, digest_size=32).digest()
        if key in self._right:
            return self._right[key]
        if key in self._wrong:
            self._wrong.move_to_end(key)
            return None
        if key not in self._under_way:
            if self._workers.is_full:
                return None
            # A front end sends many requests at once: they wait for one check.
            self._under_way[key] = asyncio.ensure_future(self._check(key, token))
        return asyncio.shield(self._under_way[key])

    async def _check(self, key: bytes, token: str) -> Account | None:
        """Try every slow hash in a thread, and remember the answer."""
        try:
            account = await self._workers.run(_owner, self._index.slow_tokens, token)
        finally:
            del self._under_way[key]
        if account is None:
            self._wrong[key] = None
            if len(self._wrong) > REMEMBERED_WRONG:
                self._wrong.popitem(last=False)
        else:
            self._right[key] = account
        return account


def _owner(slow_tokens: tuple[tuple[str, Account], ...], token: str) -> Account | None:
    """Give the account of the first hash that a token fits."""
    return next((account for hashed, account in slow_tokens if fits(hashed, token)), None)
