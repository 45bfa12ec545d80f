"""Trust: whoever trusts a notebook, or saves it trusted, trusts it for themselves alone.

Beside the handlers. Jupyter Server signs a notebook for everybody, so that what one has trusted
would run in the browser of another, with their rights.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import wraps
from typing import TYPE_CHECKING, Any

from jupyter_server import CallContext

from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable

_SANDBOX = "sandbox allow-scripts"


def sign_for_each_user(contents_manager: Any) -> None:
    """Have a contents manager sign notebooks for whoever asks.

    Parameters
    ----------
    contents_manager
        Of the server. One that signs nothing stays as it is.
    """
    notary = getattr(contents_manager, "notary", None)
    sign: Callable[[Any], str] | None = getattr(notary, "compute_signature", None)
    if notary is None or sign is None or getattr(sign, "is_of_authz", False):
        return

    @wraps(sign)
    def compute_signature(notebook: Any) -> str:
        signature = sign(notebook)
        admission = admission_of(CallContext.get(CallContext.JUPYTER_HANDLER))
        if admission is None or admission.route.is_websocket:
            # The server itself, or a document that several write at once: nobody has it for theirs.
            return signature
        # INVARIANT: the signature of one is none for another.
        # tests/guard/test_trust.py::test_trust_is_personal
        name = subject_of(admission.user).username
        key = notary.secret
        return hmac.new(key, f"{name}\0{signature}".encode(), hashlib.sha256).hexdigest()

    compute_signature.is_of_authz = True  # type: ignore[attr-defined]
    notary.compute_signature = compute_signature


class Sandboxed(Stand):
    """Shows a user's file as Jupyter Server's routes do: without the rights of who looks at it."""

    def set_extra_headers(self, path: str) -> None:
        """Set the policy of what is shown."""
        super().set_extra_headers(path)  # type: ignore[misc]
        # INVARIANT: tests/guard/test_trust.py::test_files_are_shown_in_a_sandbox
        self.set_header("Content-Security-Policy", _SANDBOX)
