"""Cross-site requests: a GET that does something must not be caused by another site's page.

Part of the decision. Where handlers answer, everything but GET is protected by XSRF tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_server.base.handlers import JupyterHandler

if TYPE_CHECKING:
    from jupyter_authz.guard.door import Door

_SAFE = {"same-origin", "none", ""}


def is_cross_site(handler: Door) -> bool:
    """Whether a page of another site caused a request, by the browser's Fetch Metadata.

    Browsers do not protect what a GET does: `SameSite` cookies go along with links. Clients that
    are no browsers send nothing of it, and scripts with a token cannot be made to.

    Parameters
    ----------
    handler
        Stands in for it, the user found out.
    """
    # INVARIANT: functions and applications that tornado calls look for no token.
    # tests/guard/test_crosssite.py::test_what_looks_for_no_token
    is_read = handler.request.method in {"GET", "HEAD"}
    if not is_read and handler.authz_route.is_handler:
        return False
    is_safe = handler.request.headers.get("Sec-Fetch-Site", "").lower() in _SAFE
    # Of all that is not a link browsers name the origin, also where they send no metadata.
    if is_read and is_safe:
        return False
    if handler.token_authenticated:
        return False
    if handler.allow_origin == "*":
        return False
    # Jupyter's own rule for origins counts, as far as the browser names one: links name none.
    if "Origin" in handler.request.headers:
        return not JupyterHandler.check_origin(handler)
    return not is_safe
