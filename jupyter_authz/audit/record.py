"""Records denials: one line in the log, under the id that the client was given.

Stands at the end of the line, behind the guard.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_authz.model import Decision, Subject

# Enough to find one line in a log; never a secret.
_ID_BYTES = 6


class Recorder:
    """Gives denials their id and writes them down.

    Parameters
    ----------
    log
        Where to.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log

    def record(self, decision: Decision, subject: Subject | None, request: str) -> Decision:
        """Record a denial.

        Parameters
        ----------
        decision
            What was decided.
        subject
            Who asked; None where nobody was signed in.
        request
            Verb and path.

        Returns
        -------
        Decision
            The same with its id.
        """
        recorded = replace(decision, id=secrets.token_hex(_ID_BYTES))
        who = subject.username if subject is not None else None
        why = "; ".join(recorded.rules) or _EXPLANATIONS.get(decision.reason, "")
        self._log.info(
            "denied %r %sfor %s: %s%s [decision %s]",
            who,
            f"{recorded.question.label} " if recorded.question is not None else "",
            request,
            recorded.reason,
            f" ({why})" if why else "",
            recorded.id,
        )
        return recorded


# What the operator reads where no rule of the policy was decisive.
_EXPLANATIONS = {
    "no-role": "no role of this user allows it",
    "closed": "configuration, keys and run-time files of the server are nobody's",
    "not-a-saved-cell": "it is no code cell, as saved, of a notebook that has this kernel",
    "token": "the token was not made for it",
    "hook": "JupyterHandler.user_is_authorized did not return True",
    "authorizer": "the configured authorizer did not return True",
    "cross-site": "a page of another site asked for it",
    "error": "an error while deciding; see the traceback above",
}
