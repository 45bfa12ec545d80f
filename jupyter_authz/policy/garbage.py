"""Python's garbage collector, kept from looking for what is not there.

Beside the policy. Reading and compiling only make objects that stay; with very many rules,
looking for garbage among them again and again would double the time, and would go on to halt
every request that it falls upon.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_collection() -> Iterator[None]:
    """Do without the collector of cyclic garbage for as long as a block lasts."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def keep_from_collection() -> None:
    """Let what is there now, a policy in use and the server around it, not be looked through again.

    What was kept before and has been given up since, an earlier policy, is freed.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
