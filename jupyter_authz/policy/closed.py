"""What makes the policy, and the server: files that nobody is let at through contents.

Part of the decision, before any role: who could write them would write the policy, and who could
read them would have the keys of everybody's sign-in.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_authz.model import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_authz.model import Resource

# Types whose paths are those of files.
_FILES = {"checkpoints", "contents", "git", "nbconvert", "trust_notebook", "voila"}
# What Jupyter reads from a directory that it looks for configuration in, there or not.
_NAME = re.compile(r"jupyter\w*_config\.(?:py|json|d(?:/.*)?)", re.DOTALL)


class Closed:
    """Places below the root that belong to the server itself.

    Parameters
    ----------
    root
        Directory that contents paths are below.
    trees
        Files, and directories with all below them.
    searched
        Directories in which Jupyter looks for configuration.
    """

    def __init__(self, root: str, trees: Iterable[str | None], searched: Iterable[str]) -> None:
        base = Path(root).expanduser().resolve()
        found = {_below(base, place): Path(place) for place in searched}
        self._searched = tuple(place for place in found if place is not None)
        there = (
            file for directory in found.values() for file in directory.glob("jupyter*_config.*")
        )
        # The root itself cannot be closed.
        self._trees = tuple(filter(None, (_below(base, place) for place in (*trees, *there))))

    def __bool__(self) -> bool:
        return bool(self._trees or self._searched)

    def covers(self, resource: Resource) -> bool:
        """Whether a resource is such a file, by its own path or where that leads."""
        if resource.type not in _FILES:
            return False
        return any(self._covers(path.lower()) for path in values_of(resource.path) or ())

    def _covers(self, path: str) -> bool:
        for tree in self._trees:
            if path == tree or path.startswith(f"{tree}/"):
                return True
        for directory in self._searched:
            name = path.removeprefix(f"{directory}/" if directory else "")
            if _is_in(path, directory) and _NAME.fullmatch(name):
                return True
        return False


def _is_in(path: str, directory: str) -> bool:
    return path.startswith(f"{directory}/") if directory else bool(path)


def _below(base: Path, place: Any) -> str | None:
    """Give a place as a contents path, as it is compared here; None if it is not below the root."""
    if not place:
        return None
    found = Path(os.fspath(place)).expanduser().resolve()
    if not found.is_relative_to(base):
        return None
    return "" if found == base else found.relative_to(base).as_posix().lower()
