"""The configured server: everything that `jupyter server` makes of its configuration, not started.

What the commands look at. Nothing listens, no process is started, and what a running server would
leave behind for others (its cookie secret) is not written.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import warnings
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.serverapp import ServerApp
from traitlets import TraitError
from traitlets.config import Config

from jupyter_authz.app import JupyterAuthz
from jupyter_authz.cli.sources import Source, locate, sources_of
from jupyter_authz.errors import AuthzError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_authz.guard.http import Guard

EXTENSION = "jupyter_authz"
# Steps of a start that would write files or take over the process.
_LEFT_OUT = ("migrate_config", "init_signal", "_write_cookie_secret_file")


@dataclass(frozen=True, slots=True)
class Configured:
    """A configured server.

    Parameters
    ----------
    server
        Initialised, not started.
    extension
        This package's extension in it.
    sources
        Where its configuration came from, lowest priority first.
    """

    server: ServerApp
    extension: JupyterAuthz
    sources: tuple[Source, ...]

    @property
    def guard(self) -> Guard:
        """The guard, installed."""
        assert self.extension.guard is not None
        return self.extension.guard


class StartError(AuthzError):
    """A configuration with which the server would not start, or would be without its guard.

    Parameters
    ----------
    message
        What is wrong, and what was expected.
    origin
        The file, or the command line, that holds it, where that is known.
    role
        The role that holds it, where it is one.
    """

    def __init__(self, message: str, origin: str | None = None, role: str | None = None) -> None:
        named = origin is not None and not message.startswith(origin)
        super().__init__(f"{origin}: {message}" if named else message)
        self.origin = origin
        self.role = role


@contextmanager
def configured_server(
    arguments: Sequence[str], *, debug: bool = False, enable: bool = False, warn: bool = True
) -> Iterator[Configured]:
    """Configure a server, and take it apart afterwards.

    Parameters
    ----------
    arguments
        As given to ``jupyter server``.
    debug
        Whether everything is logged as it happens; else warnings, once the server is configured.
    enable
        Whether the extension is enabled whatever the configuration says, as ``jupyter lab``
        enables its own.
    warn
        Whether warnings are logged at all.

    Raises
    ------
    StartError
        The server would not start, or without its guard.
    """
    # A server has a loop, though nothing runs in this one.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    log = io.StringIO()
    try:
        with _captured(log, debug=debug), _store_left_alone():
            server = _new_server(enable=enable)
            try:
                server.initialize(argv=list(arguments), new_httpserver=False)
            except SystemExit as stop:
                raise _start_error(server, stop, log.getvalue()) from stop
        if warn:
            sys.stderr.write(log.getvalue())
        yield Configured(server, _extension(server), sources_of(server))
    finally:
        _close()
        asyncio.set_event_loop(None)
        loop.close()


@contextmanager
def _store_left_alone() -> Iterator[None]:
    """Have no store opened, which would make one where there is none."""
    # The class is that of the extension to come, which `app` has made at its import.
    before, JupyterAuthz.opens_store = JupyterAuthz.opens_store, False
    try:
        yield
    finally:
        JupyterAuthz.opens_store = before


def _new_server(*, enable: bool) -> ServerApp:
    server = ServerApp.instance(
        # Any configuration counts before this.
        config=Config({"Application": {"log_level": logging.WARNING}}),
        jpserver_extensions={EXTENSION: True} if enable else {},
        open_browser=False,
    )
    for name in _LEFT_OUT:
        setattr(server, name, lambda *_: None)
    return server


def _extension(server: ServerApp) -> JupyterAuthz:
    """Give this package's extension, loaded, or tell why it is not there."""
    point = server.extension_manager.extension_points.get(EXTENSION)
    if point is not None and point.app is not None and point.app.guard is not None:
        extension: JupyterAuthz = point.app
        return extension
    if server.jpserver_extensions.get(EXTENSION, False):
        raise StartError(
            "the extension jupyter_authz is enabled but could not be loaded, so nothing would be "
            "guarded: see the log above, or run with --debug"
        )
    raise StartError(
        "the extension jupyter_authz is not enabled, so nothing would be guarded: enable it with "
        "`jupyter server extension enable jupyter_authz`"
    )


@contextmanager
def _captured(log: io.StringIO, *, debug: bool) -> Iterator[None]:
    """Keep what is printed and logged while a server starts out of what a command prints."""
    with ExitStack() as stack:
        if debug:
            stack.enter_context(redirect_stdout(sys.stderr))
        else:
            stack.enter_context(redirect_stdout(io.StringIO()))
            stack.enter_context(redirect_stderr(log))
            # Extensions turn warnings on again; those that are recorded are not shown.
            stack.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("ignore")
            # What the extension logs is what the commands say.
            own = logging.getLogger("JupyterAuthz")
            own.addFilter(_nothing)
            stack.callback(own.removeFilter, _nothing)
        yield


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _start_error(server: ServerApp, stop: SystemExit, log: str) -> StartError:
    """Find what stopped a server from starting."""
    message = _reason(stop) or _last_line(log) or "the server does not start: run with --debug"
    try:
        sources = sources_of(server)
    except ConfigurationError as error:
        return StartError(str(error))
    origin, role = locate(message, sources)
    return StartError(message, origin, role)


def _reason(stop: BaseException) -> str:
    error: BaseException | None = stop
    while error is not None:
        if isinstance(error, AuthzError | TraitError):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


def _last_line(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1].rpartition("error: ")[2] if lines else ""


def _close() -> None:
    """Give back what a configured server holds."""
    if not ServerApp.initialized():
        return
    server = ServerApp.instance()
    sessions: Any = getattr(server, "session_manager", None)
    if sessions is not None:
        sessions.close()
    server.close_handlers()
    ServerApp.clear_instance()
    GatewayClient.clear_instance()
