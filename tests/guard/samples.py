"""Samples: an address that a URL pattern matches."""

from __future__ import annotations

import re

try:
    from re import _parser as parser
except ImportError:  # Python 3.10
    import sre_parse as parser

_CATEGORIES = {"CATEGORY_WORD": "a", "CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}


def sample(pattern):
    """Give a text that a pattern matches."""
    text = _join(parser.parse(pattern))
    assert re.match(pattern, text), (pattern, text)
    return text


def _join(parsed):
    return "".join(_one(str(op), argument) for op, argument in parsed)


def _one(op, argument):  # noqa: PLR0911 - one for each kind
    if op == "LITERAL":
        return chr(argument)
    if op == "ANY":
        # A name that is taken for a pattern.
        return "."
    if op == "NOT_LITERAL":
        return "a"
    if op == "IN":
        return _of(argument)
    if op in {"MAX_REPEAT", "MIN_REPEAT"}:
        low, high, inner = argument
        return _join(inner).replace(".", "a") * max(low, min(1, int(high)))
    if op == "SUBPATTERN":
        return _join(argument[3])
    if op == "BRANCH":
        return _join(argument[1][0])
    return ""  # anchors and assertions


def _of(choices):
    op, argument = str(choices[0][0]), choices[0][1]
    if op == "NEGATE":
        return "a"
    if op == "RANGE":
        return chr(argument[0])
    return _CATEGORIES[str(argument)] if op == "CATEGORY" else chr(argument)
