"""Permissions about which nothing on this server asks, so that they mean nothing.

Applications, dashboards and handlers of other packages have names that nobody checks otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from jupyter_authz.cli.findings import Finding, listed
from jupyter_authz.resources.proxy import configured_name, is_configured
from jupyter_authz.resources.types import EXTENSION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_authz.guard.routes import Routes
    from jupyter_authz.policy.permissions import Permission
    from jupyter_authz.policy.roles import Role

# Types about which requests alone ask, and always with the same actions.
_BY_REQUESTS = {"proxy", "voila"}


def target_findings(roles: Sequence[Role], routes: Routes, base_url: str) -> Iterator[Finding]:
    """Warn of permissions about which nothing asks.

    Parameters
    ----------
    roles
        Of the policy, without the base permissions.
    routes
        Of the server.
    base_url
        Of the server.
    """
    asked: Mapping[str, set[str]] = defaultdict(set)
    applications = set()
    for route in routes.all():
        for verb in route.verbs:
            for ask in () if route.row.public else route.row.asked(verb):
                asked[ask.type].add(ask.action)
        if is_configured(route.row.handler):
            applications.add(configured_name(route.pattern, base_url).lower())
    for role in roles:
        for permission in (*role.allow, *role.deny):
            wrong = _wrong_with(permission, asked, applications)
            if wrong:
                yield Finding(
                    "asked-by-nothing", f"role {role.name!r}: {permission.text!r}: {wrong}"
                )


def _wrong_with(
    permission: Permission, asked: Mapping[str, set[str]], applications: set[str]
) -> str:
    types = permission.scope.types
    names_types = ":" in permission.text.partition("!")[0]
    if types.everything or not names_types:
        return ""
    for name in sorted(types.names):
        is_extension = name.startswith(EXTENSION_PREFIX)
        if is_extension and name not in asked:
            package = name.removeprefix(EXTENSION_PREFIX)
            return f"no handler that nobody has classified is of the package {package!r}"
        known = is_extension or (name in _BY_REQUESTS and name in asked)
        if known and permission.scope.actions.isdisjoint(asked[name]):
            return f"what asks about {name!r} asks to {listed(sorted(asked[name]))}"
    named = dict(permission.filters).get("name")
    if types.names == {"proxy"} and "proxy" in asked and named is not None and len(named) == 1:
        (text,) = named
        if isinstance(text, str) and ":" not in text and text not in applications:
            configured = listed(sorted(applications)) if applications else "none is"
            return (
                f"no application is configured as {text!r} (but {configured}); one on a port is "
                "named like 'localhost:8050'"
            )
    return ""
