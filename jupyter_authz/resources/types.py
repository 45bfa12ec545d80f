"""Resource types and the attributes each can know: the vocabulary of permissions.

Left of the policy (permissions name types) and of the tables (rows ask about types).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyter_authz.model import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUNNING = ("path", "owner", "name")

# What the types of the resource tables know about a resource.
TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # files
        "contents": ("path",),
        "checkpoints": ("path",),
        "nbconvert": ("path",),
        "trust_notebook": ("path",),
        # what runs
        "kernels": _RUNNING,
        "sessions": _RUNNING,
        "channels": _RUNNING,
        "cells": _RUNNING,
        "terminals": _RUNNING,
        "kernelspecs": ("name",),
        # the server
        "server": (),
        "config": (),
        "events": (),
        "api": (),
        "csp": (),
        "identity": (),
        "metrics": (),
        # front ends
        "ui": (),
        "settings": (),
        "workspaces": (),
        "translations": (),
        "licenses": (),
        "news": (),
        # extensions
        "collaboration": (),
        "git": ("path",),
        "lsp": ("name",),
        "proxy": ("name", "url"),
        "voila": ("path",),
        # this package
        "authz": ("name",),
    }
)

# Types whose paths are those of files.
FILES = frozenset({"checkpoints", "contents", "git", "nbconvert", "trust_notebook", "voila"})

# The types of running code; allowing `execute` on them allows `write` and `read`.
COMPUTE = ("kernels", "sessions", "channels", "terminals", "cells")

# Of requests about these, what is started is started for whoever asks.
STARTED = (*COMPUTE, "voila")

# A name in a permission that stands for more than itself.
INCLUDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "compute": COMPUTE,
        "contents": ("contents", "checkpoints", "nbconvert"),
    }
)

EXTENSION_PREFIX = "ext."
# INVARIANT: a permission without types never reaches these; they must be named.
# tests/policy/test_permissions.py::test_types_that_must_be_named
MUST_BE_NAMED = ("authz",)

_EXTENSION = re.compile(r"ext\.[A-Za-z_][A-Za-z0-9_]*")


def is_extension_type(name: str) -> bool:
    """Whether this is the type of unclassified handlers of a package, ``ext.<package>``."""
    return _EXTENSION.fullmatch(name) is not None


def attributes_of(name: str, types: Mapping[str, tuple[str, ...]] = TYPES) -> tuple[str, ...]:
    """Give the attributes that resources of a type can know.

    Parameters
    ----------
    name
        A known type or ``ext.<package>``.
    types
        The known types.
    """
    if name.startswith(EXTENSION_PREFIX):
        return ("url",)
    return types[name]


def extended(additions: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Give the known types with those that operators and other packages add.

    A type that is known already keeps the attributes it has.
    """
    unknown = {a for attributes in additions.values() for a in attributes} - set(ATTRIBUTES)
    assert not unknown, unknown
    return MappingProxyType({**additions, **TYPES})
