"""`jupyter authz`: finds the command and hands over to it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from jupyter_core.application import JupyterApp

from jupyter_authz._version import __version__
from jupyter_authz.accounts.settings import Accounts
from jupyter_authz.app import JupyterAuthz
from jupyter_authz.cli.check import CheckCommand
from jupyter_authz.cli.reload import ReloadCommand
from jupyter_authz.cli.routes import RoutesCommand
from jupyter_authz.identity import AccountsIdentityProvider

if TYPE_CHECKING:
    from traitlets.config import Configurable

_SUBCOMMANDS = {
    "check": (CheckCommand, "Check the configuration, and warn of what it leaves open."),
    "reload": (ReloadCommand, "Have a running server read its configuration again."),
    "routes": (RoutesCommand, "Show every route of the server and what it asks."),
}
_SETTINGS: list[type[Configurable]] = [JupyterAuthz, AccountsIdentityProvider, Accounts]
# Each command has its own options.
_NONE: dict[str, Any] = {}


class AuthzCommand(JupyterApp):
    """`jupyter authz`, which does nothing by itself."""

    name = "jupyter-authz"
    version = __version__
    description = """
    Authorization for shared Jupyter servers.

    Check and routes read the configuration as `jupyter server` would, and take its options.
    """
    examples = (
        "jupyter authz check\n"
        "jupyter authz check --config=/etc/jupyter/jupyter_server_config.py --strict\n"
        "jupyter authz routes --unclassified\n"
        "jupyter authz reload"
    )
    subcommands = _SUBCOMMANDS
    aliases = _NONE
    flags = _NONE
    # What can be configured: `--help-all` shows each setting with an example.
    classes = _SETTINGS

    def initialize(self, argv: Any = None) -> None:
        """Find the command; read no configuration, which belongs to the server."""
        self.parse_command_line(argv)

    def start(self) -> None:
        """Run the command, or tell which there are."""
        if self.subapp is not None:
            self.subapp.start()
            return
        given = next(iter(self.extra_args), None)
        if given is None:
            self.print_help()
            self.exit(1)
        close = get_close_matches(str(given), self.subcommands, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        expected = " or ".join(map(repr, self.subcommands))
        self.exit(f"jupyter authz: unknown command {given!r}, expected {expected}{hint}")


main = AuthzCommand.launch_instance
