"""The server of `jupyter authz demo`, run as people run it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving import STARTING_SECONDS, Client, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """What it printed, and where it is."""

    port: int
    told: Any

    @property
    def people(self) -> dict[str, Any]:
        """Everybody by username."""
        return {one["username"]: one for one in self.told["people"]}

    def client(self, name: str) -> Client:
        """Give somebody's script."""
        return Client(self.port, self.people[name]["token"])


@contextmanager
def serving_demo(home: Path, *arguments: str) -> Iterator[Demo]:
    """Run it, without anything of this machine's configuration.

    Parameters
    ----------
    home
        Where its log is, and the runtime files.
    arguments
        Further ones of the command line.
    """
    with serving(home, "demo", "--json", *arguments, application="authz") as port:
        yield Demo(port, _told(home / "server.log"))


def _told(log: Path) -> Any:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith('{"url"'):
                return json.loads(line)
        time.sleep(0.1)
    raise AssertionError(f"the demo does not tell how to sign in:\n{log.read_text()}")
