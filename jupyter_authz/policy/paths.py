"""Paths as the engine compares them: whole segments, nothing left to interpretation.

Stands between the tables, which find a path in a request, and the engine, which compares it.
"""

from __future__ import annotations

import os
import unicodedata


def normalise(path: str) -> str | None:
    """Give a path as the engine compares it.

    Slashes at the ends, doubled ones and ``.`` mean nothing to a contents manager and go.

    Parameters
    ----------
    path
        A contents path or URL path, already percent-decoded.

    Returns
    -------
    str or None
        ``segment/segment``; ``""`` is the root. None, unknown, for what cannot be compared:
        ``..`` (the operating system follows it through symbolic links, text cannot), NUL, and
        backslashes where they separate directories.
    """
    # INVARIANT: a path that could lead elsewhere than it reads is unknown, so that no allow with
    # a path filter matches it and every deny does. tests/policy/test_paths.py
    if "\0" in path or (os.sep == "\\" and "\\" in path):
        return None
    # Most paths need nothing done, and this is asked at every request.
    if "//" not in path and "/." not in path and not path.startswith("."):
        return path.strip("/")
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    return None if ".." in segments else "/".join(segments)


def fold(text: str) -> str:
    """Give a text as a file system compares it that takes no notice of case.

    Such file systems differ; this is the Unicode standard's canonical caseless matching (3.13,
    D145), composed again. What none of them tells apart is equal here.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
