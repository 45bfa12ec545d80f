"""Front ends: each user has workspaces and settings of their own, and is offered what they may do.

Behind the decision, before the handlers of jupyterlab_server, and in the hook of its pages.
"""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tornado.web import HTTPError

from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Question, Resource
from jupyter_authz.resources.requests import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from jupyter_authz.guard.http import Guard
    from jupyter_authz.model import Action
    from jupyter_authz.policy.engine import Policy

    PagesOf = Callable[[Any], Mapping[str, str]]
    PageConfigHook = Callable[[Any, dict[str, Any]], dict[str, Any]]

_HOOK = "page_config_hook"
# Of the web application: a function that gives, of a user, the addresses below the base URL of the
# pages about people, by what they are; `labextension` has commands for them.
PAGES = "jupyter_authz_pages"
_LONGEST = 40  # characters of a name that are kept as they are

# What front ends have for what a type is for; who may do it with none of that type sees none.
_OFFERS: Mapping[tuple[Action, str], tuple[str, ...]] = {
    ("execute", "terminals"): (
        "@jupyterlab/terminal-extension",
        "@jupyter-notebook/terminal-extension",
    ),
    ("execute", "channels"): (
        "@jupyterlab/console-extension",
        "@jupyterlab/debugger-extension",
        "@jupyter-notebook/console-extension",
        # They complain at every start where there are no consoles.
        "@jupyterlab/inspector-extension:consoles",
        "@jupyterlab/tooltip-extension:consoles",
    ),
}


class OwnWorkspaces(Stand):
    """Keeps the workspaces of each user apart."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Take the user's own directory."""
        super().initialize(*args, **kwargs)
        manager: Any = vars(self)["manager"]
        # INVARIANT: tests/guard/test_frontends.py::test_everybody_has_their_own
        directory = own_directory(self, manager.workspaces_dir)
        if directory is not None:
            own = copy.copy(manager)
            own.workspaces_dir = directory
            self.manager = own

    def put(self, *args: Any, **kwargs: Any) -> Any:
        """Store a layout, of the form that its handler takes for granted."""
        # INVARIANT: tests/resources/test_bodies.py::test_a_bad_body_does_nothing
        said = Request(self).body
        for key in ("data", "metadata"):
            if not isinstance(said.get(key), dict):
                raise HTTPError(400, f"Expected an object as {key!r} in the JSON body")
        if not isinstance(said["metadata"].get("id"), str):
            raise HTTPError(400, "Expected a string as 'metadata.id' in the JSON body")
        return super().put(*args, **kwargs)


class OwnSettings(Stand):
    """Keeps the settings of each user apart."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Take the user's own directory."""
        super().initialize(*args, **kwargs)
        settings_dir: Any = self.settings_dir  # type: ignore[has-type]
        directory = own_directory(self, settings_dir) if settings_dir else None
        if directory is not None:
            self.settings_dir = str(directory)


def own_directory(handler: Stand, directory: str | Path) -> Path | None:
    """Give the part of a directory that is a user's own; None where all share it.

    Parameters
    ----------
    handler
        Of a request that was let in.
    directory
        Of everybody.
    """
    admission = admission_of(handler)
    if admission is None or handler.authz_guard.policy is None:
        return None
    name = subject_of(admission.user).username
    # Names that a file system takes for the same, or cannot hold, stay apart.
    mark = hashlib.sha256(name.encode()).hexdigest()[:16]
    return Path(directory) / "authz" / f"{quote(name, safe='')[:_LONGEST]}-{mark}"


def offer_what_is_allowed(settings: MutableMapping[str, Any], guard: Guard) -> None:
    """Have the pages of front ends offer what their user may do, after any hook that is there.

    Parameters
    ----------
    settings
        Of the web application.
    guard
        Of the server.
    """
    before: PageConfigHook | None = settings.get(_HOOK)
    if getattr(before, "is_of_authz", False):
        return

    def page_config_hook(handler: Any, page_config: dict[str, Any]) -> dict[str, Any]:
        if before is not None:
            page_config = before(handler, page_config)
        # It is shared by all requests, and so is never changed.
        policy, user = guard.policy, handler.current_user
        pages: PagesOf | None = settings.get(PAGES)
        if pages is not None and user is not None:
            page_config = {**page_config, "authzPages": pages(user)}
        if policy is not None and user is not None:
            page_config = {**page_config, **_offered(policy, user, page_config)}
        return page_config

    page_config_hook.is_of_authz = True  # type: ignore[attr-defined]
    settings[_HOOK] = page_config_hook


def _offered(policy: Policy, user: Any, page_config: Mapping[str, Any]) -> dict[str, Any]:
    """Give what in the configuration of a page is otherwise for somebody."""
    found: dict[str, Any] = {}
    subject = subject_of(user)
    if not policy.decide(subject, Question("execute", Resource("kernels"), "any")):
        # For `labextension/static/remoteEntry.js`.
        found["authzStartsKernels"] = False
    if not policy.decide(subject, Question("execute", Resource("config"), "any")):
        # Nor are they told that the front end should be built anew, which they could not do.
        found["buildAvailable"] = found["buildCheck"] = False
    hidden: list[str] = []
    for (action, kind), extensions in _OFFERS.items():
        if not policy.decide(subject, Question(action, Resource(kind), "any")):
            hidden += extensions
            if kind == "terminals":
                found["terminalsAvailable"] = False
    if hidden:
        known = page_config.get("disabledExtensions") or []
        disabled = [name for name in known if not isinstance(known, dict) or known[name]]
        found["disabledExtensions"] = [*disabled, *hidden]
    return found
