"""The table of nbdime, which jupyterlab-git brings with it: how two notebooks differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.resources.git import names_no_option, repository_of
from jupyter_authz.resources.requests import body, relative
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Source

_HANDLERS = "nbdime.webapp.nb_server_extension"
_CHECKPOINT, _GIT = "checkpoint:", "git:"


def _base(request: Request) -> str:
    """Take what is compared; where nothing is said, it is of no kind."""
    value: str | None = body("base")(request)
    return value or ""


def _begins(prefix: str) -> Source:
    """Tell whether what is compared is of a kind."""
    return lambda request: _base(request).startswith(prefix)


def _after(prefix: str) -> Source:
    """Take what is compared, without its kind; nothing is the root."""
    return lambda request: _base(request).removeprefix(prefix)


def _is_any_other(request: Request) -> bool:
    """Tell whether files are compared by names of the server's machine, or by URLs."""
    return not _base(request).startswith((_CHECKPOINT, _GIT))


def _of_git(file: Source, is_asked: Source) -> tuple[Ask, ...]:
    """Give what it asks to see a file as it was.

    Git takes its name for a pattern, which other files match, too, and does what the repository
    says: it asks what every reading of a repository does.
    """
    # INVARIANT: tests/resources/test_packages.py::test_what_nbdime_compares
    path = relative(file)

    def repository(request: Request) -> str | None:
        return repository_of(request, path(request))

    def when(request: Request) -> bool:
        return bool(is_asked(request)) and names_no_option(request)

    return (
        Ask("read", "git", path=repository, when=when),
        Ask("execute", "git", path=repository, when=when),
        Ask("read", "contents", path=repository, tree=True, when=when),
        Ask("read", "contents", path=path, tree=True, when=when),
    )


_CHECKPOINTED: Any = {"path": relative(_after(_CHECKPOINT)), "when": _begins(_CHECKPOINT)}

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
                Ask("read", "contents", **_CHECKPOINTED),
                Ask("read", "checkpoints", **_CHECKPOINTED),
                *_of_git(_after(_GIT), _begins(_GIT)),
                Ask("execute", "ext.nbdime", url=lambda r: r.url, when=_is_any_other),
            )
        },
    ),
    Row(
        f"{_HANDLERS}.GitDiffHandler",
        "git",
        asks={"POST": _of_git(body("file_path"), lambda _: True)},
    ),
)
