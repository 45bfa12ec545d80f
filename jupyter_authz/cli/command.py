"""What the commands have in common: their options, the server's options, errors and exit status."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from jupyter_core.application import JupyterApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool

from jupyter_authz._version import __version__
from jupyter_authz.cli.server import Configured, StartError, configured_server

if TYPE_CHECKING:
    from traitlets.config import Configurable

# What traitlets answers by itself.
ANSWERED = {"-h", "--help", "--help-all", "-V", "--version"}


# Options of the server that the help of the commands lists.
_PASSED_ON = {"--debug", "--config"}
_CLASSES: list[type[Configurable]] = [ServerApp]
_ALIASES = {"config": "ServerApp.config_file"}
_FLAGS = {
    "json": ({"ServerCommand": {"json": True}}, "Print JSON, for programs."),
    "debug": (
        {"ServerApp": {"log_level": 10}},
        "Log everything the server does while it is configured.",
    ),
}


class ServerCommand(JupyterApp):
    """A command about the configured server; every option that is not its own is the server's."""

    version = __version__
    classes = _CLASSES
    aliases = _ALIASES
    flags = _FLAGS
    # Whether the extension is enabled whatever the configuration says.
    enables_extension = False
    # Whether what the server would warn of is told.
    warns = True

    json = Bool(help="Whether to print JSON.").tag(config=True)

    def initialize(self, argv: Any = None) -> None:
        """Take the command's own options; read no configuration, which belongs to the server."""
        self.parse_command_line(argv)

    def parse_command_line(self, argv: Any = None) -> None:
        """Tell the command's own options from the server's."""
        given = [str(argument) for argument in (sys.argv[1:] if argv is None else argv)]
        own = {f"--{flag}" for flag in self.flags} - _PASSED_ON | ANSWERED
        stray = next(
            (
                argument
                for before, argument in zip(["", *given], given, strict=False)
                if not argument.startswith("-") and (not before.startswith("-") or "=" in before)
            ),
            None,
        )
        if stray is not None:
            self.exit(
                f"{self.name.replace('-', ' ')}: unexpected {stray!r}: a configuration file is "
                f"named with --config={stray}"
            )
        super().parse_command_line([argument for argument in given if argument in own])
        self.server_arguments = [argument for argument in given if argument not in own]

    def start(self) -> None:
        """Configure the server, report about it, and exit."""
        self.exit(self._status())

    def _status(self) -> int:
        # The server takes this place as the one application of the process.
        type(self).clear_instance()
        try:
            with configured_server(
                self.server_arguments,
                debug="--debug" in self.server_arguments,
                enable=self.enables_extension,
                warn=self.warns,
            ) as configured:
                return self._printed(self.report, configured)
        except StartError as error:
            return self._printed(self.failed, error)

    @staticmethod
    def _printed(report: Any, subject: Any) -> int:
        try:
            status: int = report(subject)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has seen enough, such as `head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return status

    def report(self, configured: Configured) -> int:
        """Print what the command is for, and give the exit status; each command has its own."""
        del configured
        return 0

    def failed(self, error: StartError) -> int:
        """Print why the server would not start, and give the exit status."""
        print(f"{self.name.replace('-', ' ')}: {error}", file=sys.stderr)  # noqa: T201 - its answer
        return 1
