"""`jupyter authz`: finds the command and hands over to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.application import JupyterApp

from jupyter_authz._version import __version__
from jupyter_authz.accounts.settings import Accounts
from jupyter_authz.app import JupyterAuthz
from jupyter_authz.cli.check import CheckCommand
from jupyter_authz.cli.demo import DemoCommand
from jupyter_authz.cli.init import InitCommand
from jupyter_authz.cli.nouns import (
    GrantCommand,
    GrantsCommand,
    GroupCommand,
    RevokeCommand,
    TokenCommand,
    UserCommand,
)
from jupyter_authz.cli.reload import ReloadCommand
from jupyter_authz.cli.routes import RoutesCommand
from jupyter_authz.cli.verbs import unknown
from jupyter_authz.identity import AccountsIdentityProvider

if TYPE_CHECKING:
    from traitlets.config import Configurable

_SUBCOMMANDS = {
    "check": (CheckCommand, "Check the configuration, and warn of what it leaves open."),
    "demo": (DemoCommand, "Run a server for four people, to try it."),
    "grant": (GrantCommand, "Give a role to somebody or to a group."),
    "grants": (GrantsCommand, "List the roles that were given, to whom and until when."),
    "group": (GroupCommand, "Groups: who is in which."),
    "init": (InitCommand, "Write a configuration, and make the first administrator."),
    "reload": (ReloadCommand, "Have a running server read its configuration again."),
    "revoke": (RevokeCommand, "Take a role that was given to somebody or to a group."),
    "routes": (RoutesCommand, "Show every route of the server and what it asks."),
    "token": (TokenCommand, "Tokens: what people's scripts sign in with."),
    "user": (UserCommand, "People: make, list, block and delete them, and let them in."),
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

    All but demo and reload read the configuration as `jupyter server` would, and take its options.
    """
    examples = (
        "jupyter authz demo\n"
        "jupyter authz init\n"
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
        self.exit(f"jupyter authz: {unknown('command', str(given), self.subcommands)}")


main = AuthzCommand.launch_instance
