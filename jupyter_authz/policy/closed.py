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
from jupyter_authz.policy.paths import fold
from jupyter_authz.resources.types import FILES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_authz.model import Resource

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

    def __init__(self, root: str, trees: Iterable[str], searched: Iterable[str]) -> None:
        base = _place(root)
        # What the root itself is in cannot be closed.
        places = {place for tree in trees if not base.startswith(place := _place(tree))}
        self._everywhere = _Places(places, {_place(directory) for directory in searched})
        self._below_root = self._everywhere.below(base)
        self._has_below_root = bool(self._below_root)

    def covers(self, resource: Resource) -> bool:
        """Whether a resource is such a file, by its own path or where that leads."""
        path = resource.path
        if resource.type not in FILES:
            return False
        # Asked at every decision, and most are about one path; what leads to such a file comes
        # marked, beside its own path.
        if path.__class__ is str:
            return self._has_below_root and self._below_root.hold(path)
        paths = values_of(path) or ()
        return OF_THE_SERVER in paths or any(map(self._below_root.hold, paths))

    def are_below(self, path: str) -> bool:
        """Whether there are such files below a contents path."""
        return self._has_below_root and self._below_root.are_below(path)

    def holds(self, place: str) -> bool:
        """Whether an absolute path, its links followed, is that of such a file."""
        return self._everywhere.hold(place)

    def touches(self, place: str) -> bool:
        """Whether an absolute path is that of such a file, or of a directory with one below it."""
        return self._everywhere.hold(place) or self._everywhere.are_below(place)


class _Places:
    """Trees, and directories that are looked for configuration in, each with a slash at its end."""

    def __init__(self, trees: Iterable[str], searched: Iterable[str]) -> None:
        self._trees, self._searched = tuple(trees), tuple(searched)

    def __bool__(self) -> bool:
        return bool(self._trees or self._searched)

    def below(self, base: str) -> _Places:
        """Give those that are below a directory, named from it."""
        return _Places(
            *(
                [place.removeprefix(base) for place in places if place.startswith(base)]
                for places in (self._trees, self._searched)
            )
        )

    def hold(self, path: str) -> bool:
        """Whether a path is in one of the trees, or names configuration."""
        path = fold(path)
        if f"{path}/".startswith(self._trees):
            return True
        # Asked of every entry of a list: in most roots there is none of these.
        return bool(self._searched) and any(
            path.startswith(directory) and _NAME.fullmatch(path, len(directory))
            for directory in self._searched
        )

    def are_below(self, path: str) -> bool:
        """Whether one of them is below a path."""
        # The root, of contents or of the file system, is above all.
        above = "" if path in {"", "/"} else f"{fold(path)}/"
        return any(place.startswith(above) for place in (*self._trees, *self._searched))


def _place(path: str) -> str:
    """Give an absolute path as it is compared here, with a slash at its end."""
    return fold(Path(os.fspath(path)).expanduser().resolve().as_posix().rstrip("/")) + "/"
