"""The forms of the account pages, as data: what each asks for, and what is said when it was done.

Between `actions` and `pages`: what a form does is one function of the service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyter_authz.accounts import people

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    name
        By which the service takes it.
    label
        For people.
    kind
        ``text``, ``name`` (spelled as it is), ``email``, ``password``, ``number``, ``lines`` or
        ``hidden``.
    autocomplete
        What browsers and password managers fill in, as HTML names it.
    hint
        A sentence below it; ``{shortest}`` and ``{days}`` are filled in from the settings.
    is_needed
        Whether it must be filled in.
    """

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    hint: str = ""
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Parameters
    ----------
    title
        Of the page or the part of it.
    button
        What is done.
    method
        Of the service.
    offer
        Which of `settings.OFFERS` it belongs to; nothing is always there.
    done
        What is said when it was done.
    text
        What is said before.
    fields
        In the order in which they are asked for.
    fixed
        What the method is told besides.
    takes_address
        Whether the method is told the client's address.
    """

    title: str
    button: str
    method: str
    offer: str
    done: str
    text: str = ""
    fields: tuple[Field, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    takes_address: bool = False

    @property
    def takes_link(self) -> bool:
        """Whether it is worth nothing without the secret of a link."""
        return LINK in self.fields


# Browsers refuse addresses that mail servers take: what is one, the service says.
_EMAIL = Field("email", "Address for mails", "email", "email")
_NAME = Field("name", "Name", autocomplete="name", hint="What others see.", is_needed=False)
_NOW = Field("password", "Your password now", "password", "current-password")
_LENGTH = "At least {shortest} characters."
LINK = Field("link", "", "hidden")

# Of whoever is not signed in, by the last part of the address.
PUBLIC: Mapping[str, Form] = MappingProxyType(
    {
        "register": Form(
            "Register",
            "Register",
            "register",
            "register",
            "You have registered.",
            fields=(
                Field(
                    "username", "Username", "name", "username", "With which you sign in. It stays."
                ),
                _NAME,
                _EMAIL,
                Field("password", "Password", "password", "new-password", _LENGTH),
            ),
            takes_address=True,
        ),
        "forgot": Form(
            "Forgot your password?",
            "Send the link",
            "request_reset_password",
            "request_reset_password",
            # INVARIANT: tests/accounts/test_pages.py::test_no_page_tells_whose_an_address_is
            "If the address belongs to an account, a link to set another password is on its way "
            "to it.",
            "We send you a link with which you set another password.",
            (_EMAIL,),
            takes_address=True,
        ),
        "reset": Form(
            "Set a password",
            "Set the password",
            "reset_password",
            "reset_password",
            "Your password is set. Wherever you were signed in, you are so no more.",
            fields=(LINK, Field("password", "New password", "password", "new-password", _LENGTH)),
        ),
        "verify": Form(
            "Confirm your address",
            "Confirm",
            "verify_email",
            "verify_email",
            "Your address is confirmed.",
            "Is the address to which the link was sent yours?",
            (LINK,),
        ),
        "sign-in": Form(
            "Sign in",
            "Sign in",
            "sign_in_by_link",
            "login",
            "You are signed in.",
            "The link signs you in once, in this browser.",
            (LINK,),
        ),
    }
)

# What is said besides, by the state that an account has now.
NEXT: Mapping[str, str] = MappingProxyType(
    {
        people.UNVERIFIED: "Now please follow the link in the mail that was sent to your address.",
        people.AWAITING: "You can sign in once those who run this server have approved your "
        "account.",
        people.ACTIVE: "You can sign in now.",
    }
)

# Of whoever is signed in, on their profile.
OWN: Mapping[str, Form] = MappingProxyType(
    {
        "change_profile": Form(
            "Name",
            "Save the name",
            "change_profile",
            "profile",
            "Your name is changed.",
            fields=(_NAME,),
        ),
        "change_email": Form(
            "Address",
            "Send the link",
            "change_email",
            "change_email",
            "A link was sent to the new address, which becomes yours when you follow it.",
            fields=(Field("email", "New address for mails", "email", "email"), _NOW),
            takes_address=True,
        ),
        "change_password": Form(
            "Password",
            "Change the password",
            "change_password",
            "change_password",
            "Your password is changed. Other browsers are signed out, and your tokens are deleted.",
            "Signs out all other browsers, and deletes your tokens.",
            (_NOW, Field("new_password", "New password", "password", "new-password", _LENGTH)),
            takes_address=True,
        ),
        "end_session": Form(
            "",
            "Sign out",
            "end_sessions",
            "",
            "The browser is signed out.",
            fields=(Field("session_id", "", "hidden"),),
        ),
        "sign_out_everywhere": Form(
            "",
            "Sign out everywhere",
            "end_sessions",
            "logout",
            "You are signed out everywhere.",
            fixed={"keep": False},
        ),
        "make_token": Form(
            "Make a token",
            "Make the token",
            "make_token",
            "tokens",
            "The token is made.",
            fields=(
                Field("name", "What it is for", hint="By which you know it again."),
                Field("days", "Days until it ends", "number", hint="{days}", is_needed=False),
                Field(
                    "permissions",
                    "Permissions",
                    "lines",
                    hint="One on each line, such as read:contents. Leave it empty for all that you "
                    "may do.",
                    is_needed=False,
                ),
            ),
        ),
        "end_token": Form(
            "",
            "Delete",
            "end_token",
            "",
            "The token is deleted.",
            fields=(Field("token_id", "", "hidden"),),
        ),
    }
)

# Which fields somebody has to look at, by why something was refused.
MISTAKEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bad-name": ("username",),
        "name-taken": ("username", "name"),
        "bad-email": ("email",),
        "bad-text": ("name",),
        "bad-password": ("new_password", "password"),
        "wrong-password": ("password",),
        "bad-time": ("days",),
        "bad-permissions": ("permissions",),
        "no-policy": ("permissions",),
    }
)

# What browsers and systems call themselves; the first that is found, since many name others, too.
_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "CrOS", "Linux")
_CALLED = {"Edg": "Edge", "OPR": "Opera", "Mac OS": "macOS", "CrOS": "ChromeOS"}
_LONGEST_AGENT = 60


def mistaken(form: Form, reason: str) -> str:
    """Give the name of the field that somebody has to look at; nothing where it is none."""
    wrong = MISTAKEN.get(reason, ())
    named = {one.name for one in form.fields}
    return next((name for name in wrong if name in named), "")


def browser_of(agent: str) -> str:
    """Give how people call a browser, by what it says of itself."""
    found = [
        next((_CALLED.get(name, name) for name in names if name in agent), "")
        for names in (_BROWSERS, _SYSTEMS)
    ]
    return " on ".join(filter(None, found)) or agent[:_LONGEST_AGENT] or "A browser"
