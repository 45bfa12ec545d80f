"""A policy in use is not looked through for garbage, and one that was replaced is freed."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from jupyter_authz.policy.garbage import keep_from_collection


class Cycle:
    """Something that only the collector frees."""

    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def unfrozen():
    """Leave the collector as it was."""
    yield
    gc.unfreeze()


def test_what_has_been_given_up_is_freed():
    """Nothing is kept for longer than it is in use, however often a policy is replaced."""
    given_up = Cycle()
    keep_from_collection()
    there = weakref.ref(given_up)
    del given_up
    gc.collect()
    assert there() is not None
    keep_from_collection()
    assert there() is None


@pytest.mark.parametrize(("roles", "kept"), [([], True), (None, False)])
async def test_a_server_that_starts_keeps_its_policy(serve, monkeypatch, roles, kept):
    """Only with a policy, and only when the server has started."""
    served = serve(roles=roles)
    gc.unfreeze()
    await asyncio.sleep(0.1)
    assert gc.get_freeze_count() == 0
    # It runs already.
    monkeypatch.setattr(served.app.io_loop, "start", lambda: None)
    served.app.start_ioloop()
    await asyncio.sleep(0.1)
    assert (gc.get_freeze_count() > 0) is kept
