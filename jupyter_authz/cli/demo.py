"""`jupyter authz demo`: a server for four people, with files, dashboards and a store of its own.

Beside `cli.accounts`. What it is made from is in `jupyter_authz/demo`, and copied: nothing that
anybody does there stays, unless a directory is named for it.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack, redirect_stdout
from importlib.util import find_spec
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join

from jupyter_authz.cli.accounts import DONE, INSTALL, REFUSED, UNREACHABLE, AccountsCommand
from jupyter_authz.cli.verbs import Verb, word
from jupyter_authz.errors import RefusedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_authz.cli.demo_people import Somebody

_SOURCE = Path(__file__).resolve().parent.parent / "demo"


class DemoCommand(AccountsCommand):
    """`jupyter authz demo`."""

    name = "jupyter-authz-demo"
    description = "Run a server for four people, to try it."
    alone = Verb(
        "demo_people.make",
        description,
        (word("directory", "DIRECTORY", "Where to keep it; by default nowhere.", nargs="?"),),
        prints=(
            '{"url", "directory", "people": [{"username", "password", "token", "groups"}]}\n'
            "when the server is up"
        ),
        more=f"""
        A manager, a data scientist, a finance analyst and somebody without a team have folders and
        dashboards on one server. How to sign in as each is printed when it is up; passwords are
        made anew. It needs `{INSTALL}`, and shows most with jupyterlab, voila and
        ipykernel. Your own configuration is not read. Whoever signs in may run code as you.

        Exit status: 0 done; 1 refused; 2 accounts are not installed
        """,
    )

    def _status(self) -> int:
        with ExitStack() as stack:
            try:
                make = self.needed()
                directory = self._directory(stack)
                four = make(f"sqlite:///{(directory / 'accounts.db').as_posix()}")
            except RefusedError as error:
                return self.told(REFUSED, error)
            except StoreError as error:
                return self.told(UNREACHABLE, error)
            return self._served(directory, four)

    def _directory(self, stack: ExitStack) -> Path:
        """Copy what the server is made from to a directory, and give that."""
        if self.given.config is not None:
            raise RefusedError("bad-option", "unexpected --config: it has a configuration")
        named = self.given.directory
        if named is None:
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="jupyter-authz-demo-")))
        else:
            directory = Path(named).absolute()
            if "?" in str(directory):
                # It would end the path in the URL of the store.
                raise RefusedError("bad-name", f"{directory}: expected a name without '?'")
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(directory.iterdir()):
                raise RefusedError(
                    "file-exists", f"{directory}: expected a directory that is new or empty"
                )
            _copy(_SOURCE, directory)
        except OSError as error:
            raise RefusedError("bad-file", f"{directory}: {error.strerror}") from None
        return directory.resolve()

    def _served(self, directory: Path, four: Sequence[Somebody]) -> int:
        """Run the server until it is stopped."""
        os.environ.update(_environment(directory))
        # What is configured there is not of this server.
        os.environ.pop("JUPYTER_CONFIG_PATH", None)
        type(self).clear_instance()
        server = ServerApp.instance()
        page = "/lab" if find_spec("jupyterlab") else "/authz/profile"
        # Some extensions print, where `--json` is to be alone.
        with redirect_stdout(sys.stderr):
            server.initialize(argv=[f"--ServerApp.default_url={page}", *self.server_arguments])
        server.io_loop.add_callback(self._tell, server, directory, four)
        server.start()
        return DONE

    def _tell(self, server: ServerApp, directory: Path, four: Sequence[Somebody]) -> None:
        url = server.public_url
        if self.json:
            known = ("username", "password", "token", "groups")
            told = dumps(
                {
                    "url": url,
                    "directory": str(directory),
                    "people": [{key: getattr(one, key) for key in known} for one in four],
                }
            )
        else:
            told = _told(server, directory, four, stays=self.given.directory is not None)
        print(told, flush=True)  # noqa: T201 - its answer


def _environment(directory: Path) -> dict[str, str]:
    """Have what the server keeps in the directory, and kernels and running servers found."""
    data = jupyter_data_dir()
    return {
        "JUPYTER_RUNTIME_DIR": jupyter_runtime_dir(),
        "JUPYTER_PATH": os.pathsep.join(filter(None, [data, os.environ.get("JUPYTER_PATH")])),
        "JUPYTER_CONFIG_DIR": str(directory),
        "JUPYTER_DATA_DIR": str(directory / "data"),
    }


def _copy(source: Path, target: Path) -> None:
    # As new files: those of an installation may be there to be read only.
    for one in source.iterdir():
        if one.name == "__pycache__":
            continue
        if one.is_dir():
            (target / one.name).mkdir()
            _copy(one, target / one.name)
        else:
            shutil.copyfile(one, target / one.name)


def _told(server: ServerApp, directory: Path, four: Sequence[Somebody], *, stays: bool) -> str:
    from jupyter_authz.cli.task import table  # noqa: PLC0415 - an extra, which is there

    url = server.public_url
    server_url = urlsplit(url)._replace(path=server.base_url).geturl()
    rows = [(one.username, one.password, one.who, one.sees) for one in four]
    cy = next(one for one in four if one.username == "cy")
    files = url_path_join(server_url, "api/contents/team/finance")
    lines = table(("sign in as", "password", "who is", "and sees"), rows, "").splitlines()
    end = "" if stays else ", and gone when it stops"
    return "\n".join(
        (
            "",
            f"Open {url} and sign in; each in a browser window of their own:",
            "",
            *(f"    {line}" for line in lines),
            "",
            "Scripts send a token; this one is Cy's, and `--json` prints those of all:",
            "",
            f'    curl -H "Authorization: token {cy.token}" {files}',
            "",
            f"Configuration and files are in {directory}{end}. Stop it with Ctrl+C.",
        )
    )
