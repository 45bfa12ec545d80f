"""What the file system below the contents makes of names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def is_case_insensitive(contents_manager: Any) -> bool:
    """Whether two paths that differ in case only are one file.

    Parameters
    ----------
    contents_manager
        Of the server. One without a ``root_dir`` keeps its files elsewhere and compares names as
        they are.
    """
    root = getattr(contents_manager, "root_dir", None)
    if not isinstance(root, str) or not root:
        return False
    path = Path(os.path.abspath(root))  # noqa: PTH100 - `resolve` would follow links
    for place in (path, *path.parents):
        swapped = place.with_name(place.name.swapcase()) if place.name else place
        if swapped.name != place.name:
            try:
                return os.path.samefile(place, swapped)  # noqa: PTH121 - two paths, one question
            except OSError:
                return False
    return False
