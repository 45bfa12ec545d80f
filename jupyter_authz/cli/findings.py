"""Findings: what a configuration leaves open, each one sentence with what to do about it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTED = 3
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about a configuration that is valid.

    Parameters
    ----------
    code
        One word for programs.
    message
        One sentence for people.
    """

    code: str
    message: str


def listed(items: Sequence[str], most: int = _LISTED) -> str:
    """Give a list as a sentence has it, shortened.

    Parameters
    ----------
    items
        At least one.
    most
        How many are named.
    """
    named = list(items[:most])
    if len(items) > most:
        named.append(f"{len(items) - most} more")
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def wrapped(text: str, indent: str) -> str:
    """Give a line as several that a terminal shows well; names and paths stay whole.

    Parameters
    ----------
    text
        The line.
    indent
        Of all lines but the first.
    """
    return textwrap.fill(
        text,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
