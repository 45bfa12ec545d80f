"""What the commands about accounts have in common: verbs, the store, and how they answer.

Beside `cli.command`, which configures the server that tells where the store is. Nothing here needs
what comes with the extra; what does is imported when something is done.
"""

from __future__ import annotations

import sys
from importlib import import_module
from json import dumps
from typing import TYPE_CHECKING, Any

from jupyter_authz.cli.command import ANSWERED, ServerCommand
from jupyter_authz.cli.verbs import UsageError, Verb, read, unknown
from jupyter_authz.errors import RefusedError, StoreError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from jupyter_authz.cli.server import Configured
    from jupyter_authz.cli.task import Answer

DONE, REFUSED, UNREACHABLE = 0, 1, 2

INSTALL = 'pip install "jupyter_authz[accounts]"'
NEEDS = f"""
    People, groups and grants are kept in a store, c.Accounts.url, which the server's configuration
    tells; it needs `{INSTALL}` and c.Accounts.enabled = True. Run the
    command as the user that the server runs as. Running servers follow within a second.

    Exit status:

      0  done
      1  refused, with one line that says why; nothing was changed
      2  the store cannot be reached, or accounts are not enabled or not installed
"""


def listing(verbs: Mapping[str, Verb]) -> dict[str, tuple[type[ServerCommand], str]]:
    """Give verbs as the help of an application lists its subcommands."""
    return {name: (ServerCommand, verb.help) for name, verb in verbs.items()}


class AccountsCommand(ServerCommand):
    """A command about accounts: its first word is a verb, or it does one thing alone."""

    # People may be there before the extension is enabled.
    enables_extension = True
    # Of a server that is started there is more to know than here, where no store is opened.
    warns = False

    verbs: Mapping[str, Verb] = {}
    alone: Verb | None = None

    verb: Verb
    given: Namespace

    @property
    def program(self) -> str:
        """What was typed to get here."""
        return str(self.name).replace("-", " ")

    def parse_command_line(self, argv: Any = None) -> None:
        """Find the verb, and tell its words and options from the server's."""
        given = [str(argument) for argument in (sys.argv[1:] if argv is None else argv)]
        self.subcommand_description = f"`{self.program} cmd --help` tells what each takes."
        if self.alone is None:
            if not given:
                self.print_help()
                self.exit(REFUSED)
            if given[0] in ANSWERED:
                super().parse_command_line(given[:1])
                return
        try:
            self.verb = self.alone or self._verb(given.pop(0))
            self.given, self.server_arguments = read(self.verb, self.program, given)
        except UsageError as error:
            self.exit(self.told(REFUSED, error))
        self.json = self.given.json

    def _verb(self, name: str) -> Verb:
        if name not in self.verbs:
            raise UsageError(unknown("command", name, self.verbs))
        self.name = f"{self.name}-{name}"
        return self.verbs[name]

    def report(self, configured: Configured) -> int:
        """Do it, print what came of it, and give the exit status."""
        try:
            answer = self._answer(configured)
        except RefusedError as error:
            return self.told(REFUSED, error)
        except StoreError as error:
            return self.told(UNREACHABLE, error)
        text = dumps(answer.json, indent=2, ensure_ascii=False) if self.json else answer.text
        print(text)  # noqa: T201 - its answer
        return DONE

    def _answer(self, configured: Configured) -> Answer:
        settings = configured.extension.accounts_settings
        if not settings.enabled:
            raise StoreError(
                f"accounts are not enabled: expected c.Accounts.enabled = True in the server's "
                f"configuration, after `{INSTALL}`"
            )
        do = self.needed()
        from jupyter_authz.cli.task import task_of  # noqa: PLC0415 - an extra

        with task_of(configured, settings, looks=self.verb.looks) as task:
            answer: Answer = do(task, self.given)
        return answer

    def needed(self) -> Any:
        """Give the function that does it.

        Raises
        ------
        StoreError
            What it needs is not installed.
        """
        module, _, function = self.verb.does.partition(".")
        try:
            return getattr(import_module(f"jupyter_authz.cli.{module}"), function)
        except ImportError as error:
            raise StoreError(f"accounts are not installed: expected `{INSTALL}`: {error}") from None

    def told(self, status: int, error: Exception) -> int:
        """Tell in one line what was wrong, and give the exit status."""
        line = " ".join(str(error).splitlines())
        print(f"{self.program}: {line}", file=sys.stderr)  # noqa: T201 - its answer
        return status
