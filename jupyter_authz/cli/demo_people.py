"""The four people of `jupyter authz demo`, made in the store of its server.

Right of `cli.demo`; needs what comes with the extra.
"""

from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING, NamedTuple

from jupyter_server.auth.security import passwd

from jupyter_authz.accounts import people, secrets, tags
from jupyter_authz.accounts.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

# Without those that look alike.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Somebody(NamedTuple):
    """One of the four, and how to sign in as them.

    Parameters
    ----------
    username, name
        As in the store.
    groups
        That they are in.
    who, sees
        For people who try it.
    password, token
        Made at each start.
    """

    username: str
    name: str
    groups: tuple[str, ...]
    who: str
    sees: str
    password: str = ""
    token: str = ""


_FOUR = (
    Somebody("ann", "Ann", ("manager",), "the manager", "everything, and people at authz/admin"),
    Somebody(
        "bob", "Bob", ("team/data-science",), "a data scientist", "team/data-science and welcome"
    ),
    Somebody("cy", "Cy", ("team/finance",), "a finance analyst", "team/finance and welcome"),
    Somebody("dan", "Dan", (), "in no team", "welcome"),
)


def make(url: str) -> Sequence[Somebody]:
    """Make the four.

    Parameters
    ----------
    url
        Of a store that is made.

    Raises
    ------
    StoreError
        It cannot be made.
    """
    store = Store(url)
    store.open()
    try:
        # Others on this machine reach the server, too: what is printed is known to nobody else.
        four = [one._replace(password=_password()) for one in _FOUR]
        hashed = {one.username: passwd(one.password) for one in four}  # type: ignore[no-untyped-call]
        with store.writing() as writing:
            for one in four:
                people.add(writing, one.username, name=one.name, password=hashed[one.username])
                if one.groups:
                    tags.add(writing, one.username, one.groups)
            return [
                one._replace(token=secrets.make_token(writing, one.username, "demo"))
                for one in four
            ]
    finally:
        store.close()


def _password() -> str:
    return "-".join("".join(random.choice(_LETTERS) for _ in range(5)) for _ in range(2))
