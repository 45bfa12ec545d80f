"""Where paths lead: symbolic links and checkpoints in the file system below the contents.

Part of the tables: whatever a request names by path is asked by its own path and by where it leads,
a link to its target and a checkpoint to the file that it is of.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from jupyter_server.services.contents.fileio import FileManagerMixin

from jupyter_authz.model import OF_THE_SERVER, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from jupyter_authz.model import Value


# Of paths that are longer, which anybody can make up, nothing is kept.
_LONGEST_KEPT = 500  # characters


class OwnFiles(Protocol):
    """The server's own files, told by absolute paths whose links have been followed."""

    def holds(self, place: str) -> bool:
        """Whether a place is one of them."""

    def touches(self, place: str) -> bool:
        """Whether a place is one of them, or a directory with one below it."""


# Of each contents manager.
_OWN: MutableMapping[Any, OwnFiles] = WeakKeyDictionary()


def note_own_files(contents_manager: Any, own: OwnFiles) -> None:
    """Note which files are the server's own, wherever they are: links may lead to them.

    Parameters
    ----------
    contents_manager
        Of the server.
    own
        These files.
    """
    _OWN[contents_manager] = own


def with_targets(contents_manager: Any, value: Value) -> Value:
    """Give paths with those that they lead to.

    Parameters
    ----------
    contents_manager
        Of the server. One that keeps its files elsewhere than in a file system has no links.
    value
        One normalised path or several.

    Returns
    -------
    Value
        None, unknown, where one of them leads out of the root, or to nobody knows what: only an
        allow without a filter on paths matches it.
    """
    paths = values_of(value)
    if paths is None or not isinstance(contents_manager, FileManagerMixin):
        return value
    for path in paths:
        look = _leads_elsewhere if len(path) <= _LONGEST_KEPT else _leads_elsewhere.__wrapped__
        if look(int(time.monotonic()), contents_manager, path):
            break
    else:
        return value
    root: Any = contents_manager.root_dir  # type: ignore[attr-defined]  # all that mix it in have it
    own = _OWN.get(contents_manager)
    if own is not None and any(own.holds(_real(root, path)) for path in paths):
        # INVARIANT: tests/guard/test_closed.py::test_nobody_is_let_at_the_files_of_the_server
        return (*paths, OF_THE_SERVER)
    directory = checkpoint_directory(contents_manager)
    found = list(paths)
    for path in paths:
        target = _target(root, path)
        if target is None:
            # INVARIANT: tests/resources/test_links.py::test_out_of_the_root
            return None
        for named in (path, target):
            # INVARIANT: tests/resources/test_contents.py::test_a_checkpoint_is_read_by_path
            original = _original(named, directory)
            if original is None:
                return None
            found += [named, original]
    values = tuple(dict.fromkeys(found))
    return values if values != (value,) else value


def with_own_files(contents_manager: Any, value: Value) -> Value:
    """Give directories, marked where files of the server itself are below them.

    Parameters
    ----------
    contents_manager
        Of the server.
    value
        One normalised path or several.
    """
    own, paths = _OWN.get(contents_manager), values_of(value)
    if own is None or paths is None:
        return value
    root: Any = contents_manager.root_dir
    # INVARIANT: tests/guard/test_closed.py::test_nobody_is_let_at_the_files_of_the_server
    return (*paths, OF_THE_SERVER) if any(own.touches(_real(root, p)) for p in paths) else value


def with_links_below(contents_manager: Any, value: Value) -> Value:
    """Give directories with those that the links below them lead to, and the links below these.

    Parameters
    ----------
    contents_manager
        Of the server.
    value
        One normalised path or several.

    Returns
    -------
    Value
        None, unknown, where a link leads out of the root.
    """
    paths = values_of(value)
    if paths is None or not isinstance(contents_manager, FileManagerMixin):
        return value
    root: Any = contents_manager.root_dir  # type: ignore[attr-defined]  # all that mix it in have it
    own = _OWN.get(contents_manager)
    found, unseen = dict.fromkeys(paths), list(paths)
    while unseen:
        real = _real(root, unseen.pop())
        if own is not None and own.touches(real):
            return (*paths, OF_THE_SERVER)
        for directory, names, files in os.walk(real):
            for name in (*names, *files):
                place = f"{directory}/{name}"
                if not _is_link(place):
                    continue
                # INVARIANT: tests/resources/test_links.py::test_a_copy_follows_the_links_below
                target = _target(root, place)
                if target is None:
                    if own is not None and own.touches(_real(root, place)):
                        return (*paths, OF_THE_SERVER)
                    return None
                if target not in found:
                    found[target] = None
                    unseen.append(target)
    return tuple(found) if len(found) > 1 else paths[0]


@lru_cache(maxsize=1024)
def _leads_elsewhere(second: int, contents_manager: Any, path: str) -> bool:
    """Whether a path may mean another, looked at once in a second.

    Between a look and what its handler does, whoever can make links can always make one; what is
    kept for so long adds nothing to that.
    """
    # INVARIANT: tests/resources/test_links.py::test_a_new_link_is_seen
    del second
    directory = checkpoint_directory(contents_manager)
    is_checkpoint = bool(directory) and directory in path.lower()
    return is_checkpoint or _passes_a_link(contents_manager.root_dir, path)


def checkpoint_directory(contents_manager: Any) -> str:
    """Give where checkpoints are, in lower case as file systems differ; nothing if not in files."""
    checkpoints = getattr(contents_manager, "checkpoints", None)
    if not isinstance(checkpoints, FileManagerMixin):
        return ""
    return getattr(checkpoints, "checkpoint_dir", "").strip("/").lower()


def _original(path: str, directory: str) -> str | None:
    """Give the path of the file whose checkpoint a path means.

    Of the directory of checkpoints it is that of the files; of what is no checkpoint its own. None
    where it could be any.
    """
    found = re.search(rf"(?:^|/){re.escape(directory)}(?:/|$)", path, re.IGNORECASE)
    if not directory or found is None:
        return path
    above, below = path[: found.start()], path[found.end() :]
    if not below:
        return above
    # Whose it is the file system tells by its name: `exam-checkpoint.txt` is of `exam.txt`.
    stem, extension = posixpath.splitext(below)
    base, _, checkpoint = stem.rpartition("-")
    if "/" in below or not base or not re.fullmatch(r"\w+", checkpoint):
        return None
    return f"{above}/{base}{extension}".lstrip("/")


def children_of(contents_manager: Any, directory: str) -> Callable[[str | None], Value]:
    """Give what `with_targets` gives for what is in a directory.

    The directory itself is looked at but once.

    Parameters
    ----------
    contents_manager
        Of the server.
    directory
        Its normalised path.
    """
    bases = values_of(with_targets(contents_manager, directory))
    has_links = isinstance(contents_manager, FileManagerMixin)
    checkpoints = checkpoint_directory(contents_manager)
    links = _links_in(f"{contents_manager.root_dir}/{directory}") if has_links else set()

    def paths(path: str | None) -> Value:
        if not has_links or path is None:
            return path
        if bases is None:
            return None
        name = path.rpartition("/")[2]
        if links is None or name in links or (checkpoints and checkpoints in path.lower()):
            return with_targets(contents_manager, path)
        return path if len(bases) == 1 else tuple(f"{base}/{name}".lstrip("/") for base in bases)

    return paths


def _links_in(place: str) -> set[str] | None:
    """Give the names of the links in a directory, in one look; None where it cannot be seen."""
    try:
        with os.scandir(place) as entries:
            return {entry.name for entry in entries if entry.is_symlink()}
    except (OSError, ValueError):
        return None


def _is_link(place: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(place).st_mode)
    except (OSError, ValueError):
        return False


def _passes_a_link(root: str, path: str) -> bool:
    # What is asked at every request: a look at each place, and no more.
    place = root
    for segment in path.split("/"):
        place = f"{place}/{segment}"
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return True
        except (OSError, ValueError):
            # Nothing is there, and so nothing below it.
            return False
    return False


def _real(root: str, path: str) -> str:
    return os.path.realpath(os.path.join(root, path))  # noqa: PTH118 - as its handler does


def _target(root: str, path: str) -> str | None:
    base, place = os.path.realpath(root), _real(root, path)
    if place == base:
        return ""
    inside = os.path.join(base, "")  # noqa: PTH118 - with a slash at its end, which `/` has
    return place.removeprefix(inside).replace(os.sep, "/") if place.startswith(inside) else None
