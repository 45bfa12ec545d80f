"""Settings that do not do what they seem to: replaced, misspelled, or in a file nobody reads."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Configurable
from traitlets.config.loader import LazyConfigValue

from jupyter_authz.cli.findings import Finding
from jupyter_authz.cli.sources import replaced_by
from jupyter_authz.configuration import SECTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_server.serverapp import ServerApp

    from jupyter_authz.accounts.settings import Accounts
    from jupyter_authz.cli.sources import Source

# What is replaced as a whole; also what was only to be added.
_CONTAINERS = (list, tuple, dict, LazyConfigValue)
# As much alike as `AccountIdentityProvider` and `AccountsIdentityProvider`.
_ALIKE = 0.85
# Directories from which Jupyter Server takes only which extensions are enabled.
_FRAGMENTS = "jupyter_server_config.d"


def settings_findings(server: ServerApp, sources: Sequence[Source]) -> Iterator[Finding]:
    """Warn of settings that have no effect.

    Parameters
    ----------
    server
        The configured server.
    sources
        Of its configuration, lowest priority first.
    """
    yield from _replaced(sources)
    yield from _misspelled(sources)
    yield from _unread(server)


def accounts_findings(settings: Accounts, sources: Sequence[Source]) -> Iterator[Finding]:
    """Warn of settings of accounts that are off.

    Parameters
    ----------
    settings
        As configured.
    sources
        Of the configuration.
    """
    section = type(settings).__name__
    for source in sources:
        given = sorted(set(source.config.get(section, {})) - {"enabled"})
        if given and not settings.enabled:
            yield Finding(
                "accounts-off",
                f"c.{section}.{given[0]} of {source.origin} has no effect: set "
                f"c.{section}.enabled = True",
            )


def _replaced(sources: Sequence[Source]) -> Iterator[Finding]:
    for number, source in enumerate(sources):
        for trait, value in source.settings.items():
            other = replaced_by(number, trait, sources)
            if other is not None and value and isinstance(value, _CONTAINERS):
                yield Finding(
                    "replaced",
                    f"c.{SECTION}.{trait} of {source.origin} has no effect, since {other} "
                    "replaces all of it: write it in one place, or add to it with `.append(...)` "
                    "or `.update(...)` in a Python file",
                )


def _misspelled(sources: Sequence[Source]) -> Iterator[Finding]:
    known = set(_names(Configurable))
    for source in sources:
        for section in source.config:
            close = get_close_matches(section, known, n=1, cutoff=_ALIKE)
            if section[:1].isupper() and section not in known and close:
                yield Finding(
                    "unknown-section",
                    f"nothing reads 'c.{section}' of {source.origin}: did you mean 'c.{close[0]}'?",
                )


def _names(configurable: type) -> Iterator[str]:
    yield configurable.__name__
    subclasses: list[type] = type.__subclasses__(configurable)
    for subclass in subclasses:
        yield from _names(subclass)


def _unread(server: ServerApp) -> Iterator[Finding]:
    for directory in server.config_file_paths:
        for path in sorted(Path(directory, _FRAGMENTS).glob("*.json")):
            try:
                content: Any = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                # The server itself tells about it.
                continue
            if isinstance(content, dict) and SECTION in content:
                yield Finding(
                    "never-read",
                    f"'{SECTION}' in {path} is never read, since files in {_FRAGMENTS} only enable "
                    "extensions: move it to jupyter_authz_config.json beside that directory",
                )
