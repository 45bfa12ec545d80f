"""The stream of events: each subscriber gets those about what they may read.

Behind the decision, before the handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Question, Resource
from jupyter_authz.resources.links import with_targets
from jupyter_authz.resources.running import kernel_attributes, sessions
from jupyter_authz.resources.table import as_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

# Where the events of jupyter_server, jupyter_server_fileid and jupyter_server_ydoc, and of whoever
# names things as they do, say what they are about.
_PATHS = ("path", "source_path")
_KERNELS = ("kernel_id",)
_ROOMS = ("room", "roomid", "root_roomid")


class EventStream(Stand):
    """Leaves out events about what may not be read."""

    async def event_listener(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Pass an event on, if it is about what may be read."""
        policy = self.authz_guard.policy
        if policy is not None:
            subject = subject_of(self.authz_user or self.current_user)
            # INVARIANT: tests/guard/test_events.py::test_events_are_about_what_one_may_read
            async for resource in self._about(data):
                if not policy.decide(subject, Question("read", resource)):
                    return
        await super().event_listener(logger, schema_id, data)  # type: ignore[misc]

    async def _about(self, data: Mapping[str, Any]) -> AsyncIterator[Resource]:
        """Give what an event is about, at any depth."""
        for value in data.values():
            if isinstance(value, dict):
                async for resource in self._about(value):
                    yield resource
        rooms = [self._document(data[key]) for key in _ROOMS if isinstance(data.get(key), str)]
        given = [data[key] for key in _PATHS if isinstance(data.get(key), str)]
        for path in [*given, *(room for room in rooms if room is not None)]:
            yield Resource("contents", path=with_targets(self.contents_manager, as_path(path)))
        for key in _KERNELS:
            if isinstance(data.get(key), str):
                running = await sessions(self.settings)
                yield Resource(
                    "kernels", **await kernel_attributes(self.settings, data[key], running)
                )

    def _document(self, room: str) -> str | None:
        """Find the document of a room; None where it is of none, such as of who is there."""
        manager: Any = self.settings.get("file_id_manager")
        if manager is None or room.count(":") < 2:  # noqa: PLR2004 - `format:type:file-id`
            return None
        path: str | None = manager.get_path(room.split(":", 2)[2])
        return path
