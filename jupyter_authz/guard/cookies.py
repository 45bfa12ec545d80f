"""Signed cookies, as tornado reads them, their signatures checked once in a second.

Beside the door, which reads them to find out who asks. Pages send many requests at once, and
checking a signature takes longer than a decision.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tornado import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.web import RequestHandler

_WEB = vars(web)
# Longer cookies are not kept; those of Jupyter are much shorter.
_LONGEST_KEPT = 2048


@lru_cache(maxsize=1024)
def decoded(
    second: int, secret: str | bytes, name: str, value: str | None, limits: tuple[Any, Any]
) -> bytes | None:
    """Give what a signed cookie holds; what is kept from one second is no answer in the next."""
    # INVARIANT: tests/guard/test_cookies.py::test_signatures_are_checked
    del second
    max_age_days, min_version = limits
    return web.decode_signed_value(
        secret, name, value, max_age_days=max_age_days, min_version=min_version
    )


def signed_cookie(  # noqa: PLR0913, PLR0917 - as tornado's
    handler: RequestHandler,
    read: Callable[..., bytes | None],
    name: str,
    value: str | None = None,
    max_age_days: float = 31,
    min_version: int | None = None,
) -> bytes | None:
    """Give what a signed cookie holds.

    Parameters
    ----------
    handler
        Of the request.
    read
        The handler's own way to read it.
    name, value, max_age_days, min_version
        As of tornado's `get_signed_cookie`.
    """
    secret = handler.application.settings.get("cookie_secret")
    # INVARIANT: where somebody looks at cookies in another way, that way counts.
    # tests/guard/test_cookies.py::test_other_ways_to_look_at_cookies_count
    if getattr(read, "__globals__", None) is not _WEB or not isinstance(secret, str | bytes):
        return read(name, value, max_age_days, min_version)
    value = handler.get_cookie(name) if value is None else value
    if value is not None and len(value) > _LONGEST_KEPT:
        return read(name, value, max_age_days, min_version)
    return decoded(int(time.monotonic()), secret, name, value, (max_age_days, min_version))
