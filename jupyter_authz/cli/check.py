"""`jupyter authz check`: the configuration as the server would read it, and what it leaves open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from traitlets import Bool

from jupyter_authz.cli.command import ServerCommand
from jupyter_authz.cli.report import Report, report_of, text_of

if TYPE_CHECKING:
    from jupyter_authz.cli.server import Configured, StartError

VALID, INVALID, WARNED = 0, 1, 2

_FLAGS = {
    "strict": (
        {"CheckCommand": {"strict": True}},
        f"Exit with status {WARNED} if there are warnings.",
    ),
    "verbose": ({"CheckCommand": {"verbose": True}}, "Print hints and permissions as well."),
    **ServerCommand.flags,
}


class CheckCommand(ServerCommand):
    """`jupyter authz check`."""

    name = "jupyter-authz-check"
    description = """
    Check the configuration as the server would read it, without starting one: which files it is
    read from and what in them counts, which role comes from where, who signs people in. Warn of
    what a valid configuration leaves open. Run it as the user that the server runs as.

    All options of `jupyter server` are taken as well.

    Exit status:

      0  valid, perhaps with warnings
      1  invalid: the server would not start, or nothing would be guarded
      2  valid, with warnings, if --strict is given

    --json prints one object:

      valid              whether the server would start, guarded
      error              null, or {"message", "file", "role"}; file and role may be null
      files              [{"path", "sets": [{"trait", "replaced_by"}]}], the later counts more;
                         replaced_by is a path, "command line" or null
      policy             "on" or "off"; null if invalid, as all that follow
      roles              [{"name", "description", "users", "groups", "allow", "deny", "file"}]
      identity_provider  its class
      callback           null, or the function of c.JupyterAuthz.authorize_callback
      hook               null, or the function in place of JupyterHandler.user_is_authorized
      denied_template    null, or the file of c.JupyterAuthz.denied_template
      warnings           [{"code", "message"}]
      hints              [{"code", "message"}]
    """
    examples = (
        "jupyter authz check\n"
        "jupyter authz check --strict --config=/etc/jupyter/jupyter_server_config.py\n"
        "jupyter authz check --json --ServerApp.root_dir=/srv/notebooks"
    )
    flags = _FLAGS

    strict = Bool(help="Whether warnings count.").tag(config=True)
    verbose = Bool(help="Whether to print all there is.").tag(config=True)

    def report(self, configured: Configured) -> int:
        """Print what there is to know about a valid configuration."""
        report = report_of(configured)
        self._print(report)
        return WARNED if self.strict and report.warnings else VALID

    def failed(self, error: StartError) -> int:
        """Print the one error."""
        if not self.json:
            return super().failed(error)
        self._print(Report(error=error))
        return INVALID

    def _print(self, report: Report) -> None:
        text = (
            json.dumps(report.as_json(), indent=2) if self.json else text_of(report, self.verbose)
        )
        print(text)  # noqa: T201 - what the command is for
