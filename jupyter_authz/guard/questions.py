"""Questions: fills a row's asks in from a request.

Stands between the tables and the decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.model import Question
from jupyter_authz.resources.table import as_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_authz.guard.door import Door
    from jupyter_authz.model import Value
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Ask


async def questions(
    asks: Sequence[Ask], request: Request, door: Door, *, resolve: bool
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
        Whether the attributes of what runs and of directories are found out too; a hook needs
        only the labels.

    Raises
    ------
    HTTPError
        400: the request names what it is about in a way that nothing can be made of.
    """
    found = []
    for ask in asks:
        if ask.question is not None:
            found.append(ask.question)
            continue
        if ask.when is not None and not ask.when(request):
            continue
        resource = ask.resource(request)
        if resolve:
            if ask.finder is not None:
                attributes = await door.settle(ask.finder(request))
                if attributes is None:
                    continue
                resource = resource._replace(**attributes)
            if ask.tree:
                tree = resource.path if ask.tree is True else as_path(ask.tree(request))
                if await is_directory(door, tree):
                    resource = resource._replace(whole=True)
        found.append(Question(ask.action, resource, ask.scope))
    return found


async def is_directory(door: Door, path: Value) -> bool:
    """Whether a path is known and a directory: an unknown one no allow with a filter matches."""
    if not isinstance(path, str):
        return False
    manager: Any = door.contents_manager
    # INVARIANT: a manager that looks for the request under way finds it, also one that waits for
    # nothing. tests/guard/test_connections.py::test_managers_know_the_request
    door.announce()
    return bool(await door.settle(manager.dir_exists(path)))
