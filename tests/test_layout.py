"""The layout: every module says where it stands, and imports only from what stands left of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import jupyter_authz

PACKAGE = Path(jupyter_authz.__file__).parent
# who, what, decision, guard, audit: a package may import from itself and from those it lists.
MAY_IMPORT = {
    "errors": set(),
    "model": set(),
    "_version": set(),
    "policy.paths": set(),
    "resources.types": {"model"},
    "policy": {"errors", "model", "policy", "resources.types"},
    "identity": {"errors", "model", "identity", "policy.roles", "policy.paths"},
    "resources": {"errors", "model", "resources", "policy.paths", "identity"},
    "accounts": {
        "errors",
        "model",
        "policy",
        "identity",
        "resources",
        "guard",
        "accounts",
        "configuration",
    },
    "audit": {"errors", "model", "audit"},
    "guard": {"errors", "model", "identity", "resources", "policy", "audit", "guard"},
    "configuration": {"errors"},
    "server_files": {"configuration"},
    "app": {"*"},
    "demo": set(),  # a configuration file
    "reload": {"*"},
    "cli": {"*"},
    "__init__": {"*"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def rule_of(name):
    rules = (rule for rule in MAY_IMPORT if name == rule or name.startswith(f"{rule}."))
    return max(rules, key=len)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jupyter_authz."):
            module = node.module.removeprefix("jupyter_authz.")
            for alias in node.names:
                inner = PACKAGE / module.replace(".", "/") / f"{alias.name}.py"
                yield f"{module}.{alias.name}" if inner.exists() else module


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_only_from_its_left(path):
    """The direction of imports is that of a request."""
    allowed = MAY_IMPORT[rule_of(name_of(path))]
    if "*" in allowed:
        return
    for module in imports_of(path):
        assert any(module == a or module.startswith(f"{a}.") for a in allowed), module


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_opens_with_its_place(path):
    """The first thing in a module is a sentence about it."""
    assert ast.get_docstring(ast.parse(path.read_text()))
