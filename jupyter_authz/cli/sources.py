"""Sources: which file, or the command line, each value of `c.JupyterAuthz` came from.

traitlets keeps only what it makes of all configuration files together; this reads each by itself.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config.loader import LazyConfigValue, PyFileConfigLoader

from jupyter_authz import configuration
from jupyter_authz.configuration import SECTION, ConfigurationFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_server.serverapp import ServerApp
    from traitlets.config import Config

COMMAND_LINE = "command line"

# How errors tell what they are about, other than a role.
_NAMED = (
    re.compile(r"The '(?P<trait>\w+)' trait of an? (?P<section>\w+) instance"),
    re.compile(r"\bc\.(?P<section>\w+)(?:\.(?P<trait>\w+))?"),
    re.compile(
        r"(?P<trait>roles|base_permissions|groups|resources|group)(?: '[^']*')?: (?P<section>)"
    ),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration file, or the command line.

    Parameters
    ----------
    origin
        The path of the file, or ``command line``.
    config
        All it sets.
    parts
        The files it is made of, those it includes with `load_subconfig` first.
    """

    origin: str
    config: Config
    parts: tuple[ConfigurationFile, ...] = ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it sets in our section."""
        return section_of(self.config)

    def holds(self, trait: str, item: object) -> str | None:
        """Give the innermost file in which a list has an item, or None."""
        for part in self.parts:
            if item in items_of(section_of(part.config).get(trait)):
                return str(part.path)
        return self.origin if item in items_of(self.settings.get(trait)) else None


def sources_of(server: ServerApp) -> tuple[Source, ...]:
    """Give every source of a server's configuration, lowest priority first.

    Parameters
    ----------
    server
        Its command line parsed.

    Raises
    ------
    ConfigurationError
        A file cannot be read.
    """
    found = [_source(path) for path in configuration.files(server)]
    if server.cli_config:
        found.append(Source(COMMAND_LINE, server.cli_config))
    return tuple(found)


def _source(path: Path) -> Source:
    whole = configuration.load(path)
    if path.suffix != ".py":
        return Source(str(path), whole.config, (whole,))
    read: list[ConfigurationFile] = []

    class Tracing(PyFileConfigLoader):
        """Remembers every file that is read; traitlets reads those it includes with this class."""

        def load_config(self) -> Config:
            config: Config = super().load_config()
            # The including file goes on changing what it was given.
            read.append(ConfigurationFile(Path(self.full_filename), copy.deepcopy(config)))
            return config

    Tracing(path.name, path=str(path.parent)).load_config()
    return Source(str(path), whole.config, tuple(read))


def section_of(config: Config, name: str = SECTION) -> Mapping[str, Any]:
    """Give a section of a configuration; unlike an access to it, this does not make one."""
    section = dict(config).get(name)
    return section if isinstance(section, Mapping) else {}


def items_of(value: object) -> list[Any]:
    """Give the items that a value of a list in a configuration has, or adds."""
    if isinstance(value, LazyConfigValue):
        inserted = [item for _, item in value._inserts]  # noqa: SLF001 - traitlets gives no other way
        return [*value._prepend, *inserted, *value._extend]  # noqa: SLF001
    return list(value) if isinstance(value, list | tuple) else []


def origin_of_role(role: object, sources: Sequence[Source]) -> str | None:
    """Give the file, or the command line, that a role came from.

    Parameters
    ----------
    role
        The dict, as the server has it.
    sources
        Lowest priority first.
    """
    for source in reversed(sources):
        found = source.holds("roles", role)
        if found is not None:
            return found
    # From the command line everything comes as text.
    last = sources[-1] if sources else None
    given = last is not None and last.origin == COMMAND_LINE and "roles" in last.settings
    return COMMAND_LINE if given else None


def replaced_by(number: int, trait: str, sources: Sequence[Source]) -> str | None:
    """Give the later source that replaces what one sets, or None.

    Parameters
    ----------
    number
        Of the source.
    trait
        That it sets.
    sources
        Lowest priority first.
    """
    value = sources[number].settings[trait]
    for later in sources[number + 1 :]:
        if trait in later.settings:
            other = later.settings[trait]
            # `append`, `extend` and `update` add to what is there.
            if not isinstance(other, LazyConfigValue) and other != value:
                return later.origin
    return None


def locate(message: str, sources: Sequence[Source]) -> tuple[str | None, str | None]:
    """Find where an error stands.

    Parameters
    ----------
    message
        Of the error.
    sources
        Lowest priority first.

    Returns
    -------
    tuple
        The file or ``command line``, and the name of the role; None where not known.
    """
    for prefix, name, origin in _roles(sources):
        if message.startswith(prefix):
            return origin, name
    for pattern in _NAMED:
        match = pattern.search(message)
        if match:
            section = match["section"] or SECTION
            trait = "groups" if match["trait"] == "group" else match["trait"]
            for source in reversed(sources):
                found = dict(source.config).get(section)
                if found is not None and (trait is None or trait in found):
                    return source.origin, None
    return None, None


def _roles(sources: Sequence[Source]) -> Iterator[tuple[str, str | None, str]]:
    """Give how an error about each role would begin, its name, and where it stands."""
    for source in reversed(sources):
        for position, role in enumerate(items_of(source.settings.get("roles")), start=1):
            origin = source.holds("roles", role) or source.origin
            name = role.get("name") if isinstance(role, Mapping) else None
            if isinstance(name, str) and name:
                yield f"role {name!r}: ", name, origin
            else:
                yield f"role {position}: ", None, origin
