"""The table of nbdime, which jupyterlab-git brings with it: how two notebooks differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_authz.resources.git import names_no_option, repository_of
from jupyter_authz.resources.requests import body, relative
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Source

_HANDLERS = "nbdime.webapp.nb_server_extension"
_CHECKPOINT, _GIT = "checkpoint:", "git:"


def _after(prefix: str) -> Source:
    """Take what is compared, where it is of a kind: nothing where it is of another."""

    def source(request: Request) -> str | None:
        given = body("base")(request) or ""
        return given.removeprefix(prefix) if given.startswith(prefix) else None

    return source


def _is_any_other(request: Request) -> bool:
    """Tell whether files are compared by names of the server's machine, or by URLs."""
    return not (body("base")(request) or "").startswith((_CHECKPOINT, _GIT))


def _of_git(file: Source, when: Source | None = None) -> tuple[Ask, ...]:
    """Give what it asks to see a file as it was: git is run, with what its repository says."""
    # INVARIANT: git takes no name for an option.
    # tests/resources/test_packages.py::test_nothing_is_an_option_of_git
    path = relative(file)

    def repository(request: Request) -> str | None:
        return repository_of(request, path(request))

    def is_asked(request: Request) -> bool:
        return names_no_option(request) and (when is None or bool(when(request)))

    return (
        Ask("read", "contents", path=path, when=is_asked),
        Ask("read", "git", path=repository, when=when),
        Ask("execute", "git", path=repository, when=when),
    )


_FILE = _after(_CHECKPOINT)

ROWS = (
    *(
        Row(f"{_HANDLERS}.{name}", "ui")
        for name in (
            "AuthMainDifftoolHandler",
            "CheckpointDifftoolHandler",
            "GitDifftoolHandler",
        )
    ),
    # A POST that only reads, and that front ends send for every notebook.
    Row(
        f"{_HANDLERS}.IsGitHandler",
        "contents",
        asks={"POST": (Ask("read", "contents", path=relative(body("path"))),)},
    ),
    Row(
        f"{_HANDLERS}.ExtensionApiDiffHandler",
        "contents",
        asks={
            "POST": (
                Ask("read", "contents", path=relative(_FILE), when=_FILE),
                Ask("read", "checkpoints", path=relative(_FILE), when=_FILE),
                *_of_git(_after(_GIT), _after(_GIT)),
                Ask("execute", "ext.nbdime", url=lambda r: r.url, when=_is_any_other),
            )
        },
    ),
    Row(
        f"{_HANDLERS}.GitDiffHandler",
        "git",
        asks={"POST": _of_git(body("file_path"))},
    ),
)
