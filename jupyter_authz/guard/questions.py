"""Questions: fills a row's asks in from a request.

Stands between the tables and the decision.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from jupyter_authz.model import OF_THE_SERVER, Question, values_of
from jupyter_authz.resources.links import with_targets
from jupyter_authz.resources.table import as_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_authz.guard.door import Door
    from jupyter_authz.model import Resource, Value
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Ask


# A directory may be large: looked through in a thread of its own, which keeps nobody else waiting.
_WALKS = ThreadPoolExecutor(1, thread_name_prefix="jupyter_authz")


async def questions(
    asks: Sequence[Ask], request: Request, door: Door, *, resolve: bool, below: bool = False
) -> list[Question]:
    """Give the questions a request asks.

    Parameters
    ----------
    asks
        Of the row and verb.
    request
        The request.
    door
        Of the request.
    resolve
        Whether the attributes of what runs, of directories and of links are found out too; a hook
        needs only the labels.
    below
        Whether what is below directories is found out, too, where the row says so.

    Raises
    ------
    HTTPError
        400: the request names what it is about in a way that nothing can be made of.
    """
    found = []
    for ask in asks:
        if ask.question is not None:
            found.append(ask.question)
        elif ask.when is None or ask.when(request):
            resource: Resource | None = (asked := ask.resource(request))
            is_told = not asked.path or OF_THE_SERVER not in asked.path
            if resolve and is_told and (ask.finder is not None or ask.tree):
                resource = await _resolved(ask, asked, request, door, below=below)
            if resource is None:
                continue
            if resolve and resource.path and OF_THE_SERVER not in resource.path:
                resource = _with_targets(resource, door)
            instead = None
            if resolve and ask.instead is not None:
                others = await questions([ask.instead], request, door, resolve=True)
                instead = others[0] if others else None
            found.append(Question(ask.action, resource, ask.scope, ask.enough, instead))
    return found


async def _resolved(
    ask: Ask, resource: Resource, request: Request, door: Door, *, below: bool
) -> Resource | None:
    """Give a resource with what only the server knows about it; None where there is none."""
    if ask.finder is not None:
        attributes = await door.settle(ask.finder(request))
        if attributes is None:
            return None
        resource = resource._replace(**attributes)
    if ask.tree:
        tree = resource.path if ask.tree is True else as_path(ask.tree(request))
        if await is_directory(door, tree):
            resource = resource._replace(whole=True)
            if below and ask.below is not None:
                loop, manager = asyncio.get_running_loop(), door.contents_manager
                look = loop.run_in_executor(_WALKS, ask.below, manager, resource.path)
                resource = resource._replace(path=await door.settle(look))
    return resource


def _with_targets(resource: Resource, door: Door) -> Resource:
    # INVARIANT: a link is asked by its own path and by where it leads.
    # tests/resources/test_links.py::test_both_paths_count
    path = with_targets(door.settings["contents_manager"], resource.path)
    return resource if path is resource.path else resource._replace(path=path)


async def is_directory(door: Door, path: Value) -> bool:
    """Whether a path is known and a directory: an unknown one no allow with a filter matches."""
    values = values_of(path)
    if values is None:
        return False
    manager: Any = door.contents_manager
    # INVARIANT: a manager that looks for the request under way finds it, also one that waits for
    # nothing. tests/guard/test_connections.py::test_managers_know_the_request
    door.announce()
    # The first is its own, those after it are where a link leads.
    return bool(await door.settle(manager.dir_exists(values[0])))
