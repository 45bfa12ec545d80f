"""Cross-site requests: a GET that does something must not be caused by another site's page.

Part of the decision. Everything but GET is protected by Jupyter's XSRF tokens.
"""

from __future__ import annotations

from jupyter_server.base.handlers import JupyterHandler

_SAFE = {"same-origin", "none", ""}


def is_cross_site(handler: JupyterHandler) -> bool:
    """Whether a page of another site caused a GET, by the browser's Fetch Metadata.

    Browsers do not protect what a GET does: `SameSite` cookies go along with links. Clients that
    are no browsers send nothing of it, and scripts with a token cannot be made to.

    Parameters
    ----------
    handler
        Its request, the user found out.
    """
    if handler.request.method not in {"GET", "HEAD"}:
        return False
    if handler.request.headers.get("Sec-Fetch-Site", "").lower() in _SAFE:
        return False
    if handler.token_authenticated:
        return False
    if handler.allow_origin == "*":
        return False
    # Jupyter's own rule for origins counts, as far as the browser names one: links name none.
    named = "Origin" in handler.request.headers
    return not (named and JupyterHandler.check_origin(handler))
