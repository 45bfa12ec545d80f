"""All tables together: those of this package, of other packages, and of the operator.

Others' are plain dicts, as in `c.JupyterAuthz.resources`; packages publish theirs with an entry
point in the group `jupyter_authz.resources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

from jupyter_authz.errors import ResourceTableError
from jupyter_authz.model import ACTIONS, ATTRIBUTES
from jupyter_authz.resources import (
    authz,
    core,
    fileid,
    git,
    lab,
    lsp,
    nbclassic,
    nbdime,
    notebook,
    proxy,
    terminals,
    voila,
    ydoc,
)
from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import WEBSOCKET, Ask, Row, Table
from jupyter_authz.resources.types import (
    INCLUDED,
    TYPES,
    attributes_of,
    extended,
    is_extension_type,
)

# How alike a new type must be to a known one to be a mistake.
_CLOSE = 0.85
ENTRY_POINT_GROUP = "jupyter_authz.resources"

_TABLES = (
    authz,
    core,
    terminals,
    lab,
    notebook,
    nbclassic,
    lsp,
    fileid,
    ydoc,
    proxy,
    voila,
    git,
    nbdime,
)
_KEYS = ("type", "path", "url", "name", "actions")
_VERBS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", WEBSOCKET)


@dataclass(frozen=True, slots=True)
class Additions:
    """Rows from outside, and the types they bring.

    Parameters
    ----------
    rows
        Later ones count before earlier ones.
    types
        The attributes of new types.
    """

    rows: tuple[Row, ...]
    types: Mapping[str, tuple[str, ...]]


def table_of(additions: Additions) -> Table:
    """Give the table of all packages, with additions."""
    own = tuple(row for module in _TABLES for row in module.ROWS)
    return Table((*own, *additions.rows), extended(additions.types))


def read_resources(resources: Mapping[str, Any]) -> Additions:
    """Read the tables of installed packages, and then the operator's, which counts before them.

    Parameters
    ----------
    resources
        The value of ``c.JupyterAuthz.resources``.

    Raises
    ------
    ResourceTableError
        Something in one of them is wrong.
    """
    rows: list[Row] = []
    types: dict[str, tuple[str, ...]] = {}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        try:
            published = point.load()
        except Exception as error:
            raise ResourceTableError(
                f"entry point {point.name!r} of {ENTRY_POINT_GROUP}: cannot be loaded: {error}"
            ) from error
        _read(published, f"entry point {point.name!r} of {ENTRY_POINT_GROUP}", rows, types)
    _read(resources, "resources", rows, types)
    return Additions(tuple(rows), types)


def _read(value: object, where: str, rows: list[Row], types: dict[str, tuple[str, ...]]) -> None:
    if not isinstance(value, Mapping):
        raise ResourceTableError(
            f"{where}: expected a dict from handler to its resource, got {value!r}"
        )
    for handler, entry in value.items():
        row = _row(handler, entry, f"{where}: {handler!r}")
        rows.append(row)
        if row.type not in TYPES and not is_extension_type(row.type):
            carried = tuple(a for a in ATTRIBUTES if getattr(row, a) is not None)
            types[row.type] = tuple(dict.fromkeys((*types.get(row.type, ()), *carried)))


def _row(handler: object, entry: object, where: str) -> Row:
    if not isinstance(handler, str) or handler.count(".") < 1:
        raise ResourceTableError(f"{where}: expected 'package.module.Handler'")
    if not isinstance(entry, Mapping):
        raise ResourceTableError(f"{where}: expected a dict with 'type', got {entry!r}")
    for key in entry:
        if key not in _KEYS:
            expected = ", ".join(map(repr, _KEYS))
            raise ResourceTableError(f"{where}: unknown key {key!r}, expected {expected}")
    kind = entry.get("type")
    if not isinstance(kind, str) or not _is_type_name(kind):
        raise ResourceTableError(
            f"{where}: expected 'type' to be a resource type such as 'contents', got {kind!r}"
        )
    close = get_close_matches(kind, TYPES, 1, _CLOSE)
    if close and kind not in TYPES:
        raise ResourceTableError(
            f"{where}: unknown resource type {kind!r}, did you mean {close[0]!r}? A new type needs "
            "a name that is not almost that of another"
        )
    sources: Any = _sources(entry, kind, where)
    actions = entry.get("actions", {})
    if not isinstance(actions, Mapping):
        raise ResourceTableError(f"{where}: expected 'actions' to be a dict, got {actions!r}")
    asks = {
        verb: tuple(Ask(action, kind, **sources) for action in _actions(verb, value, where))
        for verb, value in actions.items()
    }
    return Row(handler, kind, asks=asks, **sources)


def _sources(entry: Mapping[str, Any], kind: str, where: str) -> dict[str, Any]:
    """Read where the attributes of a resource are found: groups of the URL pattern."""
    sources: dict[str, Any] = {}
    for attribute in ("path", "url", "name"):
        if attribute not in entry:
            continue
        group = entry[attribute]
        if isinstance(group, bool) or not isinstance(group, str | int):
            raise ResourceTableError(
                f"{where}: expected {attribute!r} to be the name or number of a group of the "
                f"URL pattern, got {group!r}"
            )
        known = attributes_of(kind) if kind in TYPES or is_extension_type(kind) else ATTRIBUTES
        if attribute not in known:
            raise ResourceTableError(f"{where}: resources of type {kind!r} have no {attribute!r}")
        sources[attribute] = part(group)
    return sources


def _is_type_name(name: str) -> bool:
    return (
        is_extension_type(name)
        or (name.isascii() and name.replace("-", "_").isidentifier() and name not in INCLUDED)
        or name in TYPES
    )


def _actions(verb: object, value: object, where: str) -> tuple[Any, ...]:
    if verb not in _VERBS:
        expected = ", ".join(_VERBS)
        raise ResourceTableError(
            f"{where}: unknown verb {verb!r} in 'actions', expected {expected}"
        )
    actions = (value,) if isinstance(value, str) else value
    if not isinstance(actions, list | tuple) or not actions:
        raise ResourceTableError(f"{where}: expected an action for {verb!r}, got {value!r}")
    for action in actions:
        if action not in ACTIONS:
            expected = ", ".join(map(repr, ACTIONS))
            raise ResourceTableError(f"{where}: unknown action {action!r}, expected {expected}")
    return tuple(actions)
