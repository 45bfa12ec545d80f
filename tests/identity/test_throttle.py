"""The growing delay, and what it takes to get around it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_authz.identity.throttle import (
    CAPACITY,
    FORGOTTEN_AFTER,
    LONGEST_DELAY,
    Throttle,
    client_network,
)


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self):
        """Tell the time."""
        return self.now


@pytest.fixture
def clock():
    """Give a clock."""
    return Clock()


@pytest.fixture
def throttle(clock):
    """Give a throttle by that clock."""
    return Throttle(clock=clock, capacity=10)


def fail(throttle, times, username="ann", address="192.0.2.1"):
    """Make attempts, and give the last answer."""
    for _ in range(times):
        answer = throttle.begin(username, address)
    return answer


def test_first_failures_are_free(throttle):
    """Three failures cost nothing; after the fourth one waits a second."""
    assert fail(throttle, 4) == 0
    assert fail(throttle, 1) == 1


def test_delay_doubles_to_a_minute(throttle, clock):
    """Each further failure doubles the delay, up to a minute, for ever."""
    fail(throttle, 4)
    delays = []
    for _ in range(100):
        delays.append(fail(throttle, 1))
        clock.now += delays[-1]
        assert fail(throttle, 1) == 0
    assert delays[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(delays[8:]) == {LONGEST_DELAY}


def test_refused_attempts_do_not_lengthen_the_wait(throttle, clock):
    """Trying while one has to wait changes nothing."""
    fail(throttle, 4)
    clock.now += 0.75
    assert fail(throttle, 50) == 0.25


def test_failures_are_forgotten(throttle, clock):
    """A quarter of an hour after the last attempt everything is free again."""
    fail(throttle, 4)
    clock.now += FORGOTTEN_AFTER - 1
    assert fail(throttle, 1) == 0
    assert fail(throttle, 1) == 2
    clock.now += FORGOTTEN_AFTER
    assert fail(throttle, 4) == 0
    assert len(throttle) == 1


def test_pairs_are_apart(throttle):
    """Another name at the address, or the name at another address, does not wait."""
    assert fail(throttle, 5) == 1
    assert fail(throttle, 1, username="bob") == 0
    assert fail(throttle, 1, address="192.0.2.2") == 0
    throttle.succeed("bob", "192.0.2.1")
    throttle.succeed("ann", "192.0.2.2")
    assert fail(throttle, 1) == 1
    throttle.succeed("ann", "192.0.2.1")
    assert fail(throttle, 4) == 0


def test_memory_is_bounded(clock):
    """However many names are tried, so many are remembered."""
    throttle = Throttle(clock=clock)
    for number in range(CAPACITY + 500):
        throttle.begin(f"{number}", "192.0.2.1")
    assert len(throttle) == CAPACITY


def test_flood_of_names_does_not_free_who_waits(throttle):
    """Pairs that wait are not pushed out by pairs within their free failures."""
    assert fail(throttle, 5) == 1
    for number in range(1000):
        throttle.begin(f"{number}", "192.0.2.9")
    assert len(throttle) == 10
    assert fail(throttle, 1) == 1


def test_table_full_of_waiting_pairs(throttle):
    """When all wait, the one whose last attempt is longest ago makes room; new pairs count."""
    for number in range(10):
        assert fail(throttle, 5, username=f"{number}") == 1
    assert fail(throttle, 5, username="new") == 1
    assert len(throttle) == 10
    assert fail(throttle, 1, username="1") == 1
    assert fail(throttle, 1, username="0") == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("0.0.0.0", "0.0.0.0"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_client_network(address, network):
    """One IPv4 address or one IPv6 network is one client."""
    assert client_network(address) == network


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=60))
def test_a_pair_never_gets_more_attempts_than_allowed(steps):
    """In any order of attempts and pauses, attempts of a pair are as far apart as they must be."""
    clock = Clock()
    throttle = Throttle(clock=clock)
    made = {}
    for username, pause in steps:
        clock.now += pause
        if throttle.begin(username, "192.0.2.1") == 0:
            made.setdefault(username, []).append(clock.now)
    for times in made.values():
        gaps = [later - earlier for earlier, later in pairwise(times)]
        for count, gap in enumerate(gaps[3:], start=4):
            assert gap >= min(60, 2 ** (count - 4))
