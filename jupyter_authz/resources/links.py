"""Where paths lead: symbolic links in the file system below the contents.

Part of the tables: whatever a request names by path is asked by its own path and by where it leads.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from jupyter_server.services.contents.fileio import FileManagerMixin

from jupyter_authz.model import values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_authz.model import Value


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
        None, unknown, where one of them leads out of the root: only an allow without a filter on
        paths matches it.
    """
    paths = values_of(value)
    if paths is None or not isinstance(contents_manager, FileManagerMixin):
        return value
    root: Any = contents_manager.root_dir  # type: ignore[attr-defined]  # all that mix it in have it
    for path in paths:
        if _passes_a_link(root, path):
            break
    else:
        return value
    found = list(paths)
    for path in paths:
        target = _target(root, path)
        if target is None:
            # INVARIANT: tests/resources/test_links.py::test_out_of_the_root
            return None
        found.append(target)
    return tuple(dict.fromkeys(found))


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

    def paths(path: str | None) -> Value:
        if not has_links or path is None:
            return path
        if bases is None:
            return None
        if _is_link(f"{contents_manager.root_dir}/{path}"):
            return with_targets(contents_manager, path)
        if len(bases) == 1:
            return path
        name = path.rpartition("/")[2]
        return tuple(f"{base}/{name}".lstrip("/") for base in bases)

    return paths


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


def _target(root: str, path: str) -> str | None:
    base = os.path.realpath(root)
    place = os.path.realpath(os.path.join(base, path))  # noqa: PTH118 - as its handler does
    if place == base:
        return ""
    inside = os.path.join(base, "")  # noqa: PTH118 - with a slash at its end, which `/` has
    return place.removeprefix(inside).replace(os.sep, "/") if place.startswith(inside) else None
