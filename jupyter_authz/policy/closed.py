"""What makes the policy, and the server: files that nobody is let at through contents.

Part of the decision, before any role: who could write them would write the policy, and who could
read them would have the keys of everybody's sign-in.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_authz.model import OF_THE_SERVER, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_authz.model import Resource

# Types whose paths are those of files.
_FILES = {"checkpoints", "contents", "git", "nbconvert", "trust_notebook", "voila"}
# What Jupyter reads from a directory that it looks for configuration in, there or not.
_NAME = re.compile(r"jupyter\w*_config\.(?:py|json|d(?:/.*)?)", re.DOTALL)


class Closed:
    """Places that belong to the server itself.

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
        self._root = _place(root)
        # What the root itself is in cannot be closed.
        self._trees = {
            place for tree in trees if tree and not _is_in(self._root, place := _place(tree))
        }
        self._searched = {_place(directory) for directory in searched}
        places = self._trees | self._searched
        # Else only links lead there, which are looked at anyway.
        self._is_below = any(_is_in(place, self._root) for place in places)

    def covers(self, resource: Resource) -> bool:
        """Whether a resource is such a file, by its own path or where that leads."""
        if resource.type not in _FILES:
            return False
        return any(
            path == OF_THE_SERVER or (self._is_below and self.holds(f"{self._root}/{path}"))
            for path in values_of(resource.path) or ()
        )

    def holds(self, place: str) -> bool:
        """Whether an absolute path, its links followed, is that of such a file."""
        place = place.lower()
        if any(_is_in(place, tree) for tree in self._trees):
            return True
        return any(
            _is_in(place, directory) and _NAME.fullmatch(place[len(directory) + 1 :])
            for directory in self._searched
        )

    def touches(self, place: str) -> bool:
        """Whether an absolute path is that of such a file, or of a directory with one below it."""
        return self.holds(place) or any(_is_in(tree, place.lower()) for tree in self._trees)


def _is_in(place: str, directory: str) -> bool:
    return place == directory or place.startswith(f"{directory}/")


def _place(path: str) -> str:
    """Give an absolute path as it is compared here."""
    return Path(os.fspath(path)).expanduser().resolve().as_posix().rstrip("/").lower()
