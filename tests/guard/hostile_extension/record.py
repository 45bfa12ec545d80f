"""What ran."""

from __future__ import annotations

RAN: list[str] = []


def note(handler, where):
    """Note that code of a handler ran."""
    RAN.append(f"{type(handler).__name__}.{where}")
