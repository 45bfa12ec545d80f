"""Patterns of filters: what is written after ``path=``, segment by segment.

Stands between the grammar, which reads permissions, and the engine, which compiles them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_authz.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_authz.policy.subjects import Binding


class Wild(Enum):
    """A whole segment that stands for more than its text."""

    ONE = "*"
    DEEP = "**"
    USERNAME = "{username}"
    GROUP = "{group}"
    SUBGROUP = "{subgroup}"


HOLDERS = frozenset({Wild.USERNAME, Wild.GROUP, Wild.SUBGROUP})
_WHOLE = {wild.value: wild for wild in Wild}

# What a reserved character is written as, and what is reserved.
_ESCAPES = {"%26": "&", "%2a": "*", "%3f": "?", "%7b": "{", "%7d": "}", "%25": "%"}
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_SPECIAL = re.compile(r"[%*?{}\0]")


@dataclass(frozen=True, slots=True)
class Glob:
    """A segment with ``*`` or ``?`` beside other characters.

    Parameters
    ----------
    pieces
        The literal text around each wildcard, and the wildcards themselves as ``Wild.ONE`` for
        ``*`` and None for ``?``.
    """

    pieces: tuple[str | Wild | None, ...]
    # The literal text before the first wildcard and behind the last.
    start: str = field(init=False, repr=False, compare=False)
    end: str = field(init=False, repr=False, compare=False)
    # Whether a segment matches as soon as it has both, without overlap.
    is_one_star: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first, last = self.pieces[0], self.pieces[-1]
        wildcards = [piece for piece in self.pieces if not isinstance(piece, str)]
        object.__setattr__(self, "start", first if isinstance(first, str) else "")
        object.__setattr__(self, "end", last if isinstance(last, str) else "")
        object.__setattr__(self, "is_one_star", wildcards == [Wild.ONE])

    def matches(self, segment: str) -> bool:
        """Whether a segment matches, every character of it."""
        return _compiled(self.pieces).fullmatch(segment) is not None

    def changed(self, change: Callable[[str], str]) -> Glob:
        """Give the glob with its literal text changed."""
        return Glob(tuple(change(p) if isinstance(p, str) else p for p in self.pieces))


@lru_cache(maxsize=4096)
def _compiled(pieces: tuple[str | Wild | None, ...]) -> re.Pattern[str]:
    """Compile a glob so that matching takes time by the segment's length, without backtracking."""
    runs = [""]
    for piece in pieces:
        if piece is Wild.ONE:
            runs.append("")
        else:
            runs[-1] += re.escape(piece) if isinstance(piece, str) else "."
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    # Between two `*` the first place that fits is as good as any later one; a lookahead fixes it.
    middle = "".join(f"(?=(?P<r{n}>.*?{run}))(?P=r{n})" for n, run in enumerate(runs[1:-1]))
    return re.compile(f"{runs[0]}{middle}.*{runs[-1]}", re.DOTALL)


Segment = str | Wild | Glob
Pattern = tuple[Segment, ...]


def parse_pattern(text: str) -> Pattern:
    """Read a pattern.

    Parameters
    ----------
    text
        Such as ``{group}/reports/**`` or ``data/*.csv``. Slashes at the ends mean nothing; ``/``
        is the root.

    Returns
    -------
    tuple
        The segments. Of several ``**`` in a row one is left, they mean the same.

    Raises
    ------
    PolicyError
        The text is no pattern; the message says what was expected.
    """
    if not text:
        raise PolicyError("expected a pattern after '=', such as 'course/**'")
    if text == "/":
        return ()
    inner = text.removeprefix("/").removesuffix("/")
    segments = tuple([_segment(part) for part in inner.split("/")])
    if "**/**" in inner:
        segments = tuple(
            segment
            for position, segment in enumerate(segments)
            if not (position and segment is Wild.DEEP is segments[position - 1])
        )
    return segments


# The same segments occur in many rules: they are read once, and one copy is kept.
@lru_cache(maxsize=16384)
def _segment(text: str) -> Segment:
    if not text:
        raise PolicyError("expected one slash between two segments, found '//'")
    if text in {".", ".."}:
        raise PolicyError(f"a segment cannot be {text!r}: write the path it leads to")
    if _SPECIAL.search(text) is None:
        return text
    if text in _WHOLE:
        return _WHOLE[text]
    if "**" in text:
        raise PolicyError(f"'**' must be a whole segment, found {text!r}")
    if "{" in text or "}" in text:
        raise PolicyError(
            f"unknown placeholder in {text!r}: expected a whole segment '{{username}}', "
            "'{group}' or '{subgroup}' (a brace itself is written %7B or %7D)"
        )
    if "\0" in text:
        raise PolicyError(f"a segment cannot hold NUL: {text!r}")
    pieces = tuple(_pieces(text))
    literal = [piece for piece in pieces if isinstance(piece, str)]
    return "".join(literal) if len(literal) == len(pieces) else Glob(pieces)


def _pieces(text: str) -> Iterator[str | Wild | None]:
    for part in re.split(r"([*?])", text):
        if part == "*":
            yield Wild.ONE
        elif part == "?":
            yield None
        elif part:
            yield _ESCAPE.sub(_unescape, part)


def _unescape(match: re.Match[str]) -> str:
    code = match.group().lower()
    if code not in _ESCAPES:
        raise PolicyError(
            f"unknown escape {match.group()!r}: expected %26 (&), %2A (*), %3F (?), %7B ({{), "
            "%7D (}) or %25 (%)"
        )
    return _ESCAPES[code]


def changed(pattern: Pattern, change: Callable[[str], str]) -> Pattern:
    """Give a pattern with its literal text changed, such as to lower case."""
    return tuple(
        change(segment)
        if isinstance(segment, str)
        else segment.changed(change)
        if isinstance(segment, Glob)
        else segment
        for segment in pattern
    )


class Mode(Enum):
    """What a pattern must do to a path in order to count."""

    MATCH = "match it"
    COVER = "match it and, ending in `**`, everything below"
    REACH = "match it, or be able to match something below"


MATCH, COVER, REACH = Mode.MATCH, Mode.COVER, Mode.REACH


def matches(pattern: Pattern, path: str, binding: Binding, mode: Mode = MATCH) -> bool:
    """Whether a pattern counts for a path, for one binding of its placeholders.

    The plain definition, used to explain decisions; the engine's index gives the same answers.

    Parameters
    ----------
    pattern
        The pattern.
    path
        The path; also a URL, owner or name.
    binding
        What the placeholders stand for; all of the pattern's must stand for something.
    mode
        What is asked of the pattern.
    """
    if mode is COVER and (not pattern or pattern[-1] is not Wild.DEEP):
        return False
    segments = path.split("/") if path else []
    size = len(segments)
    # How many segments may be used up by the part of the pattern that was gone through.
    used = {0}
    for element in pattern:
        if mode is REACH and size in used:
            return True
        if element is Wild.DEEP:
            used = set(range(min(used), size + 1))
        elif isinstance(element, Wild) and element in HOLDERS:
            bound = list(binding.segments(element) or ())
            if mode is REACH and any(segments[u:] == bound[: size - u] for u in used):
                return True
            used = {u + len(bound) for u in used if segments[u : u + len(bound)] == bound}
        else:
            used = {u + 1 for u in used if u < size and _one_matches(element, segments[u])}
        if not used:
            return False
    return size in used


def _one_matches(segment: Segment, text: str) -> bool:
    if isinstance(segment, Glob):
        return segment.matches(text)
    return segment is Wild.ONE or segment == text
