"""Which files are the server's own, wherever they are: nobody is let at them through contents.

Beside `app.py`, for `policy.closed`: what makes the policy, the keys of everybody's sign-in, and
what the server keeps about all for itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_config_path, jupyter_path

from jupyter_authz import configuration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_server.serverapp import ServerApp

# What SQLite has beside a database.
_BESIDE_DATABASE = ("", "-journal", "-wal", "-shm")


def trees(
    server: ServerApp, configured: Iterable[str], own: Iterable[str | None] = ()
) -> Iterator[str]:
    """Give files, and directories with all below them.

    Parameters
    ----------
    server
        Its extensions loaded.
    configured
        The configuration files that were read.
    own
        Databases and templates of this package.
    """
    for file in configured:
        # traitlets replaces any suffix by those that it knows.
        yield from (str(Path(file).with_suffix(suffix)) for suffix in (".py", ".json", ".d"))
        yield from map(str, configuration.included(Path(file)))
    yield from (*jupyter_config_path(), *server.config_file_paths, *jupyter_path())
    if any(name.partition(".")[0] == "voila" for name in server.extension_manager.extensions):
        # It reads them where the server was started, too.
        yield from (str(Path.cwd() / f"voila{suffix}") for suffix in (".py", ".json"))
    notary = getattr(server.contents_manager, "notary", None)
    settings = server.web_app.settings
    files = (
        server.config_dir,
        server.data_dir,
        server.runtime_dir,
        server.external_connection_dir,
        server.cookie_secret_file,
        server.keyfile,
        getattr(notary, "secret_file", None),
        settings.get("collaborative_session_store_path")
        or Path(server.root_dir, ".jupyter", "collaboration_sessions.json"),
    )
    yield from (str(file) for file in files if file)
    databases = (
        getattr(notary, "db_file", None),
        getattr(settings.get("file_id_manager"), "db_path", None),
        *_stores(server),
        *own,
    )
    for database in filter(None, databases):
        yield from (f"{database}{suffix}" for suffix in _BESIDE_DATABASE)


def searched(server: ServerApp, configured: Iterable[str]) -> Iterator[str]:
    """Give the directories in which Jupyter looks for configuration, found there or not.

    Parameters
    ----------
    server, configured
        As in `trees`.
    """
    yield from (*jupyter_config_path(), *server.config_file_paths)
    yield from (str(Path(file).parent) for file in configured)


def _stores(server: ServerApp) -> Iterator[Any]:
    """Give where documents that several edit at once are kept, with all that was ever in them."""
    for some in server.extension_manager.extension_apps.values():
        for app in some:
            store = getattr(getattr(app, "ywebsocket_server", None), "ystore_class", None)
            if store is not None:
                made = store(path="")
                yield getattr(made, "db_path", None) or getattr(made, "base_dir", None)
