"""The callback: a function of those who run the server, asked about every request.

The first of the parties that must agree. It knows nothing of questions: only who asks, and for
which path below the base URL.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from traitlets.utils.importstring import import_item

from jupyter_authz.errors import ConfigurationError
from jupyter_authz.guard.hook import describe
from jupyter_authz.guard.parties import AGREED
from jupyter_authz.model import GUEST, Decision
from jupyter_authz.policy.paths import normalise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from logging import Logger

    from jupyter_authz.model import Subject

_TRAIT = "c.JupyterAuthz.authorize_callback"
_EXPECTED = "expected a function of (user_info) or (user_info, path)"
# How often one is led on before it is taken for a circle.
_MOST_REDIRECTS = 10
# As Jupyter Server has it.
_SIGN_IN = "/login"
# What identity providers call what an identity token, or a hub, says of a user.
_CLAIMS = ("claims", "hub_user")


class Ways(NamedTuple):
    """Where a server leads by itself.

    Parameters
    ----------
    base_url
        With a slash at its end.
    home
        To which it leads from its root; a path below the base URL, as the following.
    is_public
        Whether nobody is asked about a path, and nobody led on from there.
    """

    base_url: str
    home: str
    is_public: Callable[[str], bool]

    def after_sign_in(self, target: str) -> str:
        """Give where the sign-in page leads whoever has signed in: what it is told, or the root."""
        told = parse_qs(urlsplit(target).query).get("next", [self.base_url])[-1]
        place = urlsplit(told)
        is_here = not (place.scheme or place.netloc)
        return quote((path_of(place.path, self.base_url) if is_here else None) or "/")


class Callback(NamedTuple):
    """A function that lets requests go on, or does not, or leads elsewhere.

    Parameters
    ----------
    function
        As configured, imported.
    takes_path
        Whether it is called with the path, too.
    """

    function: Callable[..., Any]
    takes_path: bool

    async def decide(  # noqa: PLR0913 - by name
        self,
        *,
        path: str | None,
        ways: Ways,
        user: Any,
        subject: Subject,
        groups: Sequence[str],
        settle: Callable[[Any], Awaitable[Any]],
        log: Logger,
    ) -> Decision:
        """Decide whether a request may go on to the policy.

        Parameters
        ----------
        path
            That is asked for, below the base URL, as `path_of` gives it; None, unknown, is denied.
        ways
            Of the server.
        user, subject
            Who asks, as Jupyter and as the policy knows them.
        groups
            That they are in, by whoever says so.
        settle
            Gives a value, waiting for it where it has to be waited for.
        log
            Told what the function did wrong.

        Returns
        -------
        Decision
            Allowed; or denied, for the reason ``callback``; or for the reason ``redirect``, with
            the path to go to, below the base URL, as its one rule.
        """
        name = describe(self.function)

        async def ask(path: str) -> Any:
            info = user_info(user, subject, groups)
            given = (info, path) if self.takes_path else (info,)
            answer = await settle(self.function(*given))
            # INVARIANT: only True agrees. tests/guard/test_callback.py::test_only_true_agrees
            if isinstance(answer, str):
                # What somebody has made of strings has methods of its own.
                return str.__str__(answer)
            if not isinstance(answer, bool):
                log.warning(
                    "jupyter_authz | the callback %s returned %r for %r: expected True, False or a "
                    "path, so it was denied",
                    name,
                    answer,
                    path,
                )
                return False
            return answer

        if path is None:
            return _denied("the path cannot be told")
        try:
            answer = await ask(path)
            if answer is True:
                return AGREED
            if answer is False:
                return _denied(f"{name} did not return True")
            wrong = await _wrong_with(answer, path, ways, ask, is_guest=subject.kind == GUEST)
        except BaseException:
            # INVARIANT: nothing it raises ends the server, or leaves a request without an answer.
            # tests/guard/test_callback.py::test_one_that_raises_denies
            log.exception("jupyter_authz | the callback %s raised for %r", name, path)
            return Decision(allowed=False, reason="error", rules=(f"{name} raised",))
        if wrong:
            log.warning("jupyter_authz | the callback %s returned %r: %s", name, answer, wrong)
            return _denied(f"{name} returned {answer!r}: {wrong}")
        return Decision(allowed=False, reason="redirect", rules=(answer,))


def read_callback(value: object) -> Callback | None:
    """Check what was configured as callback.

    Parameters
    ----------
    value
        A function, the import string of one, or None.

    Raises
    ------
    ConfigurationError
        It cannot be imported or called, or takes other arguments.
    """
    if value is None:
        return None
    if isinstance(value, str) and value:
        try:
            value = import_item(value)
        except Exception as error:
            raise ConfigurationError(
                f"{_TRAIT}: cannot import {value!r}: {type(error).__name__}: {error}: {_EXPECTED}, "
                "or its import string, such as 'package.module.function'"
            ) from error
    if not callable(value):
        raise ConfigurationError(f"{_TRAIT}: {_EXPECTED}, got {value!r}")
    for takes_path in (True, False):
        if _takes(value, 1 + takes_path):
            return Callback(value, takes_path)
    raise ConfigurationError(
        f"{_TRAIT}: {_EXPECTED}, got {describe(value)}{inspect.signature(value)}"
    )


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        # Built in, so that nothing tells.
        return count == 1
    return True


def user_info(user: Any, subject: Subject, groups: Sequence[str]) -> dict[str, Any]:
    """Give what a callback is told of a user.

    Parameters
    ----------
    user, subject
        As Jupyter and as the policy knows them.
    groups
        That they are in.

    Returns
    -------
    dict
        With ``username`` (also as ``user``), ``name`` and ``groups``, and what the identity token
        says, where the identity provider knows one.
    """
    info: dict[str, Any] = {}
    for attribute in _CLAIMS:
        claims = getattr(user, attribute, None)
        if isinstance(claims, Mapping):
            info.update(claims)
    shown = getattr(user, "display_name", None) or getattr(user, "name", None)
    # Guests have one name, whatever browser they are in.
    name = user.username if subject.kind == GUEST else subject.username
    # INVARIANT: what a token claims does not replace what was decided about.
    # tests/guard/test_callback.py::test_what_it_is_told
    return {
        **info,
        "username": name,
        "user": name,
        "name": shown or name,
        "groups": list(groups),
        "kind": subject.kind,
    }


def path_of(url: str, base_url: str) -> str | None:
    r"""Give the path below the base URL that a request is for, as callbacks compare it.

    Parameters
    ----------
    url
        The path of the request, as it was sent.
    base_url
        With a slash at its end.

    Returns
    -------
    str or None
        Decoded, with one slash at its beginning and none at its end. None where what it means
        cannot be told: ``..``, NUL, and ``\``, which some take for a slash and others for a
        letter.
    """
    path = unquote(url)
    prefix = unquote(base_url).rstrip("/")
    if path != prefix and not path.startswith(f"{prefix}/"):
        # Routes take the base URL for a pattern, in which a dot is any letter.
        return None
    below = path[len(prefix) :]
    # INVARIANT: one place has one spelling. tests/guard/test_callback.py::test_spellings
    found = None if "\\" in below else normalise(below)
    return None if found is None else f"/{found}"


def local(target: str) -> str | None:
    """Give the path of a place on this server, below the base URL, or None for any other.

    Parameters
    ----------
    target
        A path, perhaps with a query.
    """
    # INVARIANT: nobody is led to another server.
    # tests/guard/test_callback.py::test_where_one_is_not_led
    if not target.startswith("/") or target.startswith("//") or "\\" in target:
        return None
    if not target.isprintable() or any(map(str.isspace, target)):
        return None
    return path_of(urlsplit(target).path, "/")


async def _wrong_with(
    answer: str,
    path: str,
    ways: Ways,
    ask: Callable[[str], Awaitable[Any]],
    *,
    is_guest: bool,
) -> str:
    """Tell what is wrong with leading somebody elsewhere; nothing if nothing is.

    Follows where the callback itself would lead on from there, and where the server would: from its
    root to its first page, and from the sign-in page further on whoever has signed in.
    """
    seen, target = {path}, answer
    while len(seen) <= _MOST_REDIRECTS:
        place = local(target)
        if place is None:
            return f"{target!r} is no path on this server"
        if place in seen:
            return "it leads in a circle"
        seen.add(place)
        if place == _SIGN_IN and not is_guest:
            target = ways.after_sign_in(target)
            continue
        if ways.is_public(place):
            return ""
        further = await ask(place)
        if further is True and place == "/" != ways.home:
            further = ways.home
        if not isinstance(further, str):
            return ""
        target = further
    return "it leads on and on"


def _denied(rule: str) -> Decision:
    return Decision(allowed=False, reason="callback", rules=(rule,))
