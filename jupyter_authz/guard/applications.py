"""Applications behind the proxy: their list holds those which its reader may use.

Behind the decision, beside the handler of jupyter-server-proxy from which launchers are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from jupyter_core.utils import ensure_async

from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Question, Resource
from jupyter_authz.resources.table import as_name, as_path

if TYPE_CHECKING:
    from collections.abc import Iterable


class ApplicationList(Stand):
    """Lists the configured applications whose entry in a launcher its reader may follow."""

    # As they are configured, for everybody.
    server_processes: Iterable[Any]

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        """Give those which may be used."""
        policy = self.authz_guard.policy
        if policy is not None:
            subject = subject_of(self.current_user)
            # INVARIANT: tests/guard/test_proxy.py::test_the_list_of_applications
            self.server_processes = [
                process
                for process in self.server_processes
                if policy.decide(subject, Question("execute", _first_page(process)))
            ]
        return await ensure_async(super().get(*args, **kwargs))


def _first_page(process: Any) -> Resource:
    """Give where the entry of an application leads: what it has set, or its first page."""
    path = unquote(urlsplit(process.launcher_entry.path_info).path).lstrip("/")
    name, _, below = path.partition("/")
    # An entry may lead to where it is not known what is there.
    url = as_path(below) if name == unquote(process.name) else None
    return Resource("proxy", name=as_name(unquote(process.name)), url=url)
