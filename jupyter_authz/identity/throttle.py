"""The growing delay after failed sign-ins, per account and client; used by the identity provider.

What an attacker can do to the table of failures, and why it does not help:

* *Try one account from one address*: each failure after the third doubles the wait.
* *Try at the same time*: an attempt is counted before it is checked, so that of any number of
  attempts at once only those within the count are checked.
* *Fill the table, to push out a pair that has to wait*: pairs still within their free failures
  are pushed out first. A pair takes four checked attempts to get past them, so pushing out a
  waiting pair takes four times the capacity, 40,000 argon2 verifications, within the time after
  which it would have been forgotten anyway.
* *Lock somebody else out*: a pair belongs to one address, or one IPv6 network, and a success of
  one pair leaves every other as it is. Names without an account are counted like the others.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FREE_FAILURES = 3
FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
FORGOTTEN_AFTER = 15 * 60.0
CAPACITY = 10_000

# The network that one subscriber has at least: RFC 6177, section 2; RFC 4291, section 2.5.4.
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class _Failures:
    """What is known of one pair: how often, when last, and until when it has to wait."""

    count: int
    last: float
    until: float


class Throttle:
    """Failed sign-ins of pairs of username and client address.

    Parameters
    ----------
    clock
        Gives the time in seconds; it must not go back.
    capacity
        How many pairs are remembered.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, capacity: int = CAPACITY
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        # Each in the order of its last counted attempt, oldest first.
        self._free: OrderedDict[bytes, _Failures] = OrderedDict()
        self._waiting: OrderedDict[bytes, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._free) + len(self._waiting)

    def begin(self, username: str, address: str) -> float:
        """Ask for an attempt, which counts as failed until `succeed` says otherwise.

        Parameters
        ----------
        username
            As typed, whether there is such an account or not.
        address
            The client's IP address.

        Returns
        -------
        float
            Seconds to wait, in which case nothing was counted; 0 if the attempt may be made.
        """
        now = self._clock()
        self._forget(now)
        pair = _pair(username, address)
        known = self._waiting.get(pair) or self._free.get(pair)
        if known and now < known.until:
            return known.until - now
        # INVARIANT: an attempt is counted before it is checked, so attempts at the same time do
        # not get around the delay (tests/identity/test_login.py, test_concurrent_attempts).
        count = known.count + 1 if known else 1
        self._remove(pair)
        while len(self) >= self._capacity:
            (self._free or self._waiting).popitem(last=False)
        delay = _delay(count)
        (self._waiting if delay else self._free)[pair] = _Failures(count, now, now + delay)
        return 0.0

    def succeed(self, username: str, address: str) -> None:
        """Forget the failures of a pair, and of no other."""
        self._remove(_pair(username, address))

    def _remove(self, pair: bytes) -> None:
        self._free.pop(pair, None)
        self._waiting.pop(pair, None)

    def _forget(self, now: float) -> None:
        """Drop the pairs whose last attempt was long ago."""
        for table in (self._free, self._waiting):
            while table and now - next(iter(table.values())).last >= FORGOTTEN_AFTER:
                table.popitem(last=False)


class Turns:
    """How many attempts of one client are under way, so that some are left for others.

    Parameters
    ----------
    most
        Of one client.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    def begin(self, address: str) -> bool:
        """Whether one more may begin, which is counted; then `end` is to be called."""
        network = client_network(address)
        if self._under_way[network] >= self._most:
            return False
        self._under_way[network] += 1
        return True

    def end(self, address: str) -> None:
        """Count one less."""
        network = client_network(address)
        self._under_way[network] -= 1
        if self._under_way[network] <= 0:
            del self._under_way[network]


def _delay(failures: int) -> float:
    """Give the seconds to wait after so many failures."""
    beyond = failures - FREE_FAILURES
    if beyond <= 0:
        return 0.0
    # The exponent is bounded before the power is taken: counts can grow for ever.
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(beyond - 1, 32))


def _pair(username: str, address: str) -> bytes:
    """Give the key of a pair: of one size however long the name, and no list of names in memory."""
    text = f"{client_network(address)}\0{username}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def client_network(address: str) -> str:
    """Give what stands for one client: an IPv4 address, or the /64 network of an IPv6 address.

    Whoever has an IPv6 address has 2^64 of them to try from. Anything else, such as the
    placeholder tornado gives for a Unix socket, stands for itself.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))
