"""The table of jupyterlab-git.

Every operation is a POST to `/git/PATH/operation`. Some only read, but whatever git does it runs
what the configuration of the repository names: hooks, filters, file system monitors. Who may write
files could write such a repository, so every operation asks `execute` too.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tornado.web import HTTPError

from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources.requests import NOWHERE, body, part, relative
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Source

_HANDLERS = "jupyterlab_git.handlers"
# Of a body, what is no name of anything.
_TEXTS_FOR_PEOPLE = {"commit_msg"}


def _directory(request: Request) -> Any:
    """Find the directory as the handlers do: they decode each segment once more."""
    segments = [unquote(segment) for segment in str(part("path")(request) or "").split("/")]
    return NOWHERE if any(segment.startswith("/") for segment in segments) else "/".join(segments)


def _path(request: Request) -> Any:
    """Find the repository that a directory is in: git acts on the whole of it."""
    return repository_of(request, _directory(request))


def repository_of(request: Request, path: str | None) -> str | None:
    """Find the repository that a file or directory is in, or else give its own path.

    Parameters
    ----------
    request
        On whose server it is.
    path
        Its contents path.

    Returns
    -------
    str or None
        A contents path; None, unknown, where the repository begins above the root.
    """
    directory = None if path is None else normalise(path)
    root = getattr(request.handler.settings.get("contents_manager"), "root_dir", None)
    if directory is None or not isinstance(root, str) or not root:
        return path if directory is None else directory
    # INVARIANT: tests/resources/test_packages.py::test_a_repository_is_asked_as_a_whole
    base = Path(root).expanduser().resolve()
    place = (base / directory).resolve()
    for above in (place, *place.parents):
        # Whatever a path looks like: `Path.exists` raises where one is too long.
        if os.path.exists(above / ".git"):  # noqa: PTH110
            inside = above.is_relative_to(base)
            # One that begins above the root has more in it than contents has.
            return "/".join(above.relative_to(base).parts) if inside else None
    return directory


def _named(where: Source) -> Source:
    """Give a source of the file whose content is asked for, named from a directory."""

    def source(request: Request) -> Any:
        directory, name = where(request), relative(body("filename"))(request)
        return None if directory is None or name is None else f"{directory}/{name}".lstrip("/")

    return source


def names_no_option(request: Request) -> bool:
    """Require that git takes nothing of a body for an option; a condition that always holds.

    Handlers give names of commits and files to git as they are, and many of its options write to
    files or run programs.
    """
    # INVARIANT: tests/resources/test_packages.py::test_nothing_is_an_option_of_git
    unseen: list[Any] = [
        value for key, value in request.body.items() if key not in _TEXTS_FOR_PEOPLE
    ]
    for value in unseen:
        if isinstance(value, str) and value.lstrip().startswith("-"):
            raise HTTPError(400, f"Expected the name of a commit or file, got {value!r}")
        if isinstance(value, dict):
            unseen += [*value, *value.values()]
        elif isinstance(value, list):
            unseen += value
    return True


# A repository shows what every file in it is or once was.
_READS = (
    Ask("read", "git", path=_path, when=names_no_option),
    Ask("read", "contents", path=_path, tree=True),
    # A link that leads into it is asked by its own path, too.
    Ask("read", "contents", path=_directory, tree=True),
    # INVARIANT: tests/resources/test_absolute_paths.py::test_nothing_of_git_is_only_reading
    Ask("execute", "git", path=_path),
)
_CHANGES = (
    Ask("write", "git", path=_path, when=names_no_option),
    Ask("write", "contents", path=_path, tree=True),
    Ask("write", "contents", path=_directory, tree=True),
    Ask("read", "contents", path=_path, tree=True),
    Ask("read", "contents", path=_directory, tree=True),
    Ask("execute", "git", path=_path),
)

_MAKES = tuple(replace(ask, path=_directory) for ask in _CHANGES)

_READING = (
    "GitAllHistoryHandler",  # until 0.50
    "GitBranchHandler",
    "GitChangedFilesHandler",
    "GitCheckNotebooksHandler",
    "GitDetailedLogHandler",
    "GitDiffHandler",
    "GitLogHandler",
    "GitRemoteDetailsShowHandler",
    "GitShowPrefixHandler",
    "GitShowTopLevelHandler",
    "GitStatusHandler",
    "GitSubmodulesHandler",
    "GitTagHandler",
    "GitUpstreamHandler",
)
_CHANGING = (
    "GitAddAllUnstagedHandler",
    "GitAddAllUntrackedHandler",
    "GitAddHandler",
    "GitBranchDeleteHandler",
    "GitCheckoutHandler",
    "GitCommitHandler",
    "GitConfigHandler",
    "GitDeleteCommitHandler",
    "GitFetchHandler",
    "GitMergeHandler",
    "GitNewTagHandler",
    "GitPullHandler",
    "GitPushHandler",
    "GitRebaseHandler",
    "GitRemoteAddHandler",
    "GitRemoteRemoveHandler",
    "GitResetHandler",
    "GitResetToCommitHandler",
    "GitStashApplyHandler",
    "GitStashPopHandler",
    "GitStripNotebooksHandler",
    "GitTagCheckoutHandler",
)

ROWS = (
    *(Row(f"{_HANDLERS}.{name}", "git", every=_READS) for name in _READING),
    *(Row(f"{_HANDLERS}.{name}", "git", every=_CHANGES) for name in _CHANGING),
    # A new repository is the directory's own.
    *(
        Row(f"{_HANDLERS}.{name}", "git", every=_MAKES)
        for name in ("GitCloneHandler", "GitInitHandler")
    ),
    Row(
        f"{_HANDLERS}.GitContentHandler",
        "git",
        # From the files as they are it is named from the directory, else from the repository's.
        every=(
            *_READS,
            Ask("read", "contents", path=_named(_directory)),
            Ask("read", "contents", path=_named(_path)),
        ),
    ),
    *(
        Row(
            f"{_HANDLERS}.{name}",
            "git",
            asks={"GET": _READS, "POST": _CHANGES, "DELETE": _CHANGES},
        )
        for name in ("GitIgnoreHandler", "GitStashHandler")
    ),
    # Compares two texts that the request itself holds.
    Row(
        f"{_HANDLERS}.GitDiffNotebookHandler",
        "git",
        asks={"POST": (Ask("read", "git", scope="any"),)},
    ),
    # Which version of git there is: the front end shows a dialog to whom it is refused.
    Row(f"{_HANDLERS}.GitSettingsHandler", "ui"),
    # The known hosts are the server's own.
    Row(
        f"{_HANDLERS}.SshHostHandler",
        "git",
        asks={"POST": (Ask("write", "git"), Ask("execute", "git"))},
    ),
)
