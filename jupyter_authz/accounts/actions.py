"""What people do with their own accounts, as data: what REST and pages offer, by name.

Between the handlers and the service: which fields a thing takes, and whether one is signed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that people do.

    Parameters
    ----------
    method
        Of the service.
    fields
        By name, whether it must be there.
    offer
        Which of `settings.OFFERS` it belongs to; nothing is always there.
    is_public
        Whether it is for who is not signed in.
    takes_address
        Whether the method is told the client's address.
    ends_session
        Whether one has to sign in anew afterwards, which is done at once.
    """

    method: str
    fields: Mapping[str, bool] = field(default_factory=dict)
    offer: str = ""
    is_public: bool = False
    takes_address: bool = False
    ends_session: bool = False


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "register": Action(
            "register",
            {"username": True, "password": True, "email": True, "name": False},
            offer="register",
            is_public=True,
            takes_address=True,
        ),
        "verify_email": Action(
            "verify_email", {"link": True}, offer="verify_email", is_public=True
        ),
        "request_reset_password": Action(
            "request_reset_password",
            {"email": True},
            offer="request_reset_password",
            is_public=True,
            takes_address=True,
        ),
        "reset_password": Action(
            "reset_password",
            {"link": True, "password": True},
            offer="reset_password",
            is_public=True,
        ),
        "change_password": Action(
            "change_password",
            {"password": False, "new_password": True},
            offer="change_password",
            takes_address=True,
            ends_session=True,
        ),
        "change_email": Action(
            "change_email",
            {"password": False, "email": True},
            offer="change_email",
            takes_address=True,
        ),
    }
)


def told(result: Any) -> dict[str, Any]:
    """Give what somebody is told of what was done."""
    return {"state": result} if isinstance(result, str) else {}
