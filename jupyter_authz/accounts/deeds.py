"""What administrators do, as data: which fields each thing takes, and what it is called when done.

Between `administration` and its handlers: pages and REST offer the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that is done to people, groups or roles; a method of `Administration`.

    Parameters
    ----------
    done
        The sentence for whoever has done it.
    fields
        That it takes, each a string; by name, whether it must be there.
    """

    done: str
    fields: Mapping[str, bool]


_USER: Mapping[str, bool] = {"username": True}
_GROUP: Mapping[str, bool] = {"group": True}
_ROLE: Mapping[str, bool] = {"role": True, "username": False, "group": False}

DEEDS: Mapping[str, Deed] = MappingProxyType(
    {
        "add": Deed(
            "The account was made.", {**_USER, "name": False, "email": False, "group": False}
        ),
        "change": Deed("The account was changed.", {**_USER, "name": False, "email": False}),
        "send_link": Deed("A link to set the password was sent.", _USER),
        "block": Deed("The account is blocked, and signed out everywhere.", _USER),
        "unblock": Deed("The account is not blocked any more.", _USER),
        "approve": Deed("The account was approved.", _USER),
        "delete": Deed("The account was deleted.", _USER),
        "sign_out": Deed("The account is signed out everywhere.", _USER),
        "add_to_group": Deed("Added to the group.", {**_USER, **_GROUP}),
        "remove_from_group": Deed("Removed from the group.", {**_USER, **_GROUP}),
        "make_group": Deed("The group was made.", _GROUP),
        "delete_group": Deed("The group was deleted, with all below it.", _GROUP),
        "give": Deed("The role was given.", {**_ROLE, "until": False}),
        "take": Deed("The role was taken away.", _ROLE),
    }
)
