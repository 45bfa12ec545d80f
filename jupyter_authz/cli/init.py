"""`jupyter authz init`: writes a configuration to begin with, and makes the first administrator.

Beside `cli.accounts`. The configuration is written first, since it tells where the store is; where
something is refused, it is taken away again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from jupyter_authz.cli.accounts import DONE, INSTALL, REFUSED, AccountsCommand
from jupyter_authz.cli.verbs import Verb, option, word
from jupyter_authz.errors import RefusedError

FILE_NAME = "jupyter_server_config.py"
ADMINISTRATORS = "manager"

_CONFIGURATION = """\
# Configuration of a shared Jupyter server, written by `jupyter authz init`. After a change
# `jupyter authz check --config=FILE` tells what the server would make of it.
#
# Who may run code acts as the operating system user of the server, whatever is said of files here:
# give `execute` to those whom you trust with that. Keep this file owned by somebody else.

from pathlib import Path

c = get_config()  # noqa: F821 - what Jupyter gives to this file

# People sign in with accounts, which are managed on the pages below /authz/admin and with
# `jupyter authz user`, `group` and `grant`.
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
# A server in which jupyter_authz is missing refuses to start.
c.ServerApp.authorizer_class = "jupyter_authz.PolicyAuthorizer"

c.Accounts.enabled = True
# By default a file in the data directory of the user that the server runs as.
# c.Accounts.url = "postgresql+psycopg://jupyter@db.example.org/jupyter"
# How people reach this server, for links.
# c.Accounts.public_url = "https://jupyter.example.org/"
# Let people register; a manager has to agree.
# c.Accounts.offers.append("register")
# Without a mail server, mails are written to the server's log.
# c.Accounts.mail_server = "mail.example.org:587"

# What people see. Not the directory of this file, which is nobody's through the server.
c.ServerApp.root_dir = str(Path(__file__).resolve().parent / "files")

# The policy. What no role allows is denied, and a deny beats every allow. `jupyter authz grant`
# gives any of these roles to somebody by name, for good or for a time.
c.JupyterAuthz.roles = [
    {
        "name": "manager",
        "description": "Sees and does everything, and manages people",
        "groups": ["manager"],
        "allow": ["*"],
    },
    {
        "name": "team",
        "description": "Each team, such as team/finance, works in the folder of its name",
        "groups": ["team"],
        "allow": [
            "read,write:contents!path={group}/**",
            # Lets them run code, too: see above.
            # "execute:compute!path={group}/**",
        ],
    },
    {
        "name": "everyone",
        "description": "Everybody reads the folder welcome",
        "users": ["*"],
        "allow": ["read:contents!path=welcome/**"],
    },
]
"""


class InitCommand(AccountsCommand):
    """`jupyter authz init`."""

    name = "jupyter-authz-init"
    description = "Write a configuration to begin with, and make the first administrator."
    alone = Verb(
        "user.make_administrator",
        description,
        (
            word("directory", "DIRECTORY", "Where to write it; by default here.", nargs="?"),
            option("admin", "The administrator's username; asked for by default.", "NAME"),
        ),
        prints=(
            '{"config", "start", "username", "link", "expires"}: the file, the command that\n'
            "starts the server, and a link to sign in with, good for once"
        ),
        more=f"""
        The configuration, {FILE_NAME}, has comments and a small policy; none is ever
        overwritten. Accounts need `{INSTALL}`. Run it as the user that the
        server runs as.

        Exit status: 0 done; 1 refused, nothing was made; 2 the store cannot be used, or accounts
        are not installed
        """,
    )

    def _status(self) -> int:
        try:
            path = self._begin()
        except RefusedError as error:
            return self.told(REFUSED, error)
        status = REFUSED
        # What people see: it has to be there, and stays as it is if it was.
        files = path.parent / "files"
        is_new = not files.exists()
        try:
            files.mkdir(exist_ok=True)
            self.server_arguments = [*self.server_arguments, f"--config={path}"]
            status = super()._status()
        finally:
            if status != DONE:
                path.unlink()
                if is_new:
                    files.rmdir()
        return status

    def _begin(self) -> Path:
        """Find out who is to be the administrator, and write the configuration."""
        if self.given.config is not None:
            raise RefusedError("bad-option", "unexpected --config: the configuration is written")
        self.given.admin = self.given.admin or _asked()
        self.given.group = ADMINISTRATORS
        directory = Path(self.given.directory or ".").resolve()
        path = self.given.path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(_CONFIGURATION)
        except FileExistsError:
            raise RefusedError(
                "file-exists", f"{path} is there already: expected a directory without one"
            ) from None
        except OSError as error:
            raise RefusedError("bad-file", f"{path}: cannot be written: {error.strerror}") from None
        return path


def _asked() -> Any:
    if not sys.stdin.isatty():
        raise RefusedError(
            "no-name", "there is no terminal to ask for a name at: expected --admin=NAME"
        )
    try:
        return input("Username of the administrator: ").strip()
    except (EOFError, KeyboardInterrupt):
        raise RefusedError("no-name", "expected a username, got none") from None
