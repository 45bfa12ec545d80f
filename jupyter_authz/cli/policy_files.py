"""The files that make the policy, and whether people could change them.

Whoever runs code acts as the server's operating system user. What this user can write decides
whether the policy holds for them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_authz.cli.findings import Finding, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_server.serverapp import ServerApp

    from jupyter_authz.cli.sources import Source


def policy_files(
    server: ServerApp, sources: Sequence[Source], others: Sequence[str] = ()
) -> list[Path]:
    """Give the files that make the policy: the configuration as read, and the cookie secret.

    Parameters
    ----------
    server, sources
        The configured server, and where its configuration is from.
    others
        Files of code that decides, and of pages.
    """
    found = [part.path for source in sources for part in source.parts]
    found += map(Path, others)
    if not server.config.get("ServerApp", {}).get("cookie_secret"):
        found.append(Path(server.cookie_secret_file))
    return list(dict.fromkeys(path.absolute() for path in found))


def policy_directories(server: ServerApp, sources: Sequence[Source]) -> list[Path]:
    """Give the directories in which a file makes, or would make, the policy."""
    found = [part.path.absolute().parent for source in sources for part in source.parts]
    found += [Path(directory).absolute() for directory in server.config_file_paths if directory]
    return list(dict.fromkeys(found))


def is_checked_as_root(server: ServerApp) -> bool:
    """Whether root looks at the files of a server that would not run as root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and not server.allow_root


def writable_findings(
    server: ServerApp, sources: Sequence[Source], who: str, others: Sequence[str] = ()
) -> Iterator[Finding]:
    """Warn of files of the policy that people who run code could write.

    Parameters
    ----------
    server
        The configured server; this process runs as its operating system user.
    sources
        Of its configuration.
    who
        Runs code; empty where nobody does.
    others
        As of `policy_files`.
    """
    if not who or is_checked_as_root(server):
        return
    directories = [path for path in policy_directories(server, sources) if _can_write(path)]
    # A file in such a directory can be replaced.
    files = [
        path
        for path in policy_files(server, sources, others)
        if path.parent not in directories and _can_write(path)
    ]
    writable = [str(path) for path in (*directories, *files)]
    if writable:
        yield Finding(
            "policy-files-writable",
            f"people who run code ({who}) could change "
            "the policy, since the server's operating system user, as whom their code runs, can "
            f"write {listed(writable, most=6)}: let another user own these files and directories, "
            "readable for the server, and set JUPYTER_CONFIG_DIR and "
            "c.ServerApp.cookie_secret_file to places of that kind",
        )


def _can_write(path: Path) -> bool:
    """Whether a path can be written, or made where it does not exist yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK)


def served_findings(
    server: ServerApp, sources: Sequence[Source], others: Sequence[str] = ()
) -> Iterator[Finding]:
    """Warn of files of the policy that are served as contents."""
    manager = server.contents_manager
    root = getattr(manager, "root_dir", "")
    if not root or not Path(root).is_dir():
        return
    top = Path(root).resolve()
    inside = [
        path
        for path in policy_files(server, sources, others)
        if path.resolve().is_relative_to(top)
        and (manager.allow_hidden or not _is_hidden(path.resolve().relative_to(top)))
    ]
    if inside:
        yield Finding(
            "policy-files-served",
            f"the server serves files of its policy as contents, {listed(list(map(str, inside)))} "
            f"in {root}: move them, or set c.ServerApp.root_dir to a directory without them",
        )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
