"""Globs inside a segment, found without trying each.

Part of the engine's index. A glob is filed under the literal text at its start and at its end, so
that looking up a segment costs by the number of different lengths of such texts, not by the
number of globs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_authz.policy.patterns import Glob

T = TypeVar("T")


class GlobIndex(Generic[T]):
    """Globs of one place in the index, each with what it leads to."""

    __slots__ = ("_edges", "_inner", "_inner_lengths", "_lengths")

    def __init__(self) -> None:
        # The text at both ends: the globs that have it there.
        self._edges: dict[tuple[str, str], dict[Glob, T]] = {}
        self._lengths: tuple[tuple[int, int], ...] = ()
        # Globs with a wildcard at both ends are filed under the longest text between.
        self._inner: dict[str, dict[Glob, T]] = {}
        self._inner_lengths: tuple[int, ...] = ()

    def get(self, glob: Glob) -> T | None:
        """Give what a glob leads to, if it is here."""
        inner = _inner_text(glob)
        filed = self._inner.get(inner) if inner else self._edges.get((glob.start, glob.end))
        return filed.get(glob) if filed is not None else None

    def add(self, glob: Glob, target: T) -> None:
        """File a glob."""
        inner = _inner_text(glob)
        if inner:
            self._inner.setdefault(inner, {})[glob] = target
            self._inner_lengths = tuple(sorted({*self._inner_lengths, len(inner)}))
        else:
            edges = (glob.start, glob.end)
            self._edges.setdefault(edges, {})[glob] = target
            self._lengths = tuple(sorted({*self._lengths, (len(edges[0]), len(edges[1]))}))

    def targets(self) -> Iterator[T]:
        """Give what all globs lead to."""
        for files in (self._edges, self._inner):
            for filed in files.values():
                yield from filed.values()

    def find(self, segment: str) -> list[T]:
        """Give what the globs that match a segment lead to."""
        found: list[T] = []
        size = len(segment)
        for start, end in self._lengths:
            if start + end <= size:
                filed = self._edges.get((segment[:start], segment[size - end :]))
                if filed is not None:
                    for glob, target in filed.items():
                        if glob.is_one_star or glob.matches(segment):
                            found.append(target)
        for length in self._inner_lengths:
            # A text that occurs twice must not be looked up twice.
            for text in {segment[i : i + length] for i in range(size - length + 1)}:
                filed = self._inner.get(text)
                if filed is not None:
                    found.extend(target for glob, target in filed.items() if glob.matches(segment))
        return found


def _inner_text(glob: Glob) -> str:
    """Give the longest text of a glob that has a wildcard at both ends, else nothing."""
    if glob.start or glob.end:
        return ""
    return max((piece for piece in glob.pieces if isinstance(piece, str)), key=len, default="")
