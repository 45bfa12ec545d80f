"""Questions: fills a row's asks in from a request.

Stands between the tables and the decision.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_authz.model import Question
from jupyter_authz.resources.table import as_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_authz.guard.door import Door
    from jupyter_authz.model import Subject, Value
    from jupyter_authz.policy.engine import Policy
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
        if ask.when is not None and not ask.when(request):
            continue
        resource = ask.resource(request)
        if resolve:
            if ask.finder is not None:
                attributes = await door.settle(ask.finder(request))
                if attributes is None:
                    continue
                resource = replace(resource, **attributes)
            tree = resource.path if ask.tree is True else as_path(ask.tree and ask.tree(request))
            if tree is not None and await _is_directory(door, tree):
                resource = replace(resource, whole=True)
        found.append(Question(ask.action, resource, ask.scope))
    return found


async def narrowed(question: Question, door: Door, policy: Policy, subject: Subject) -> Question:
    """Narrow a question about what is on the way down to what is asked of a file.

    Parameters
    ----------
    question
        Of any scope.
    door
        Of the request.
    policy, subject
        Who is asked, for whom: what may be read anyway need not be looked at.
    """
    if question.scope != "way" or not isinstance(question.resource.path, str):
        return question
    plain = replace(question, scope="this")
    # INVARIANT: the way to something readable is a way only through directories.
    # tests/guard/test_lists.py::test_a_file_is_never_on_the_way
    if policy.decide(subject, plain) or not await _is_directory(door, question.resource.path):
        return plain
    return question


async def _is_directory(door: Door, path: Value) -> bool:
    if not isinstance(path, str):
        # Unknown: an allow with a path filter does not match it anyway.
        return False
    manager: Any = door.contents_manager
    return bool(await door.settle(manager.dir_exists(path)))
