"""The table of this package's own handlers: accounts over REST and their pages."""

from __future__ import annotations

from jupyter_authz.resources.table import Ask, Row, public

_REST = "jupyter_authz.accounts.rest"
_PAGES = "jupyter_authz.accounts.pages"
_ADMIN = "jupyter_authz.accounts.admin_pages"

# Whoever may do anything at all there is let in; `accounts.administration` asks about each thing.
_LOOK = (Ask("read", "authz", scope="any", enough=(("write", "authz"),)),)
_CHANGE = (Ask("write", "authz", scope="any"),)

ROWS = (
    *(public(f"{_REST}.{name}", "authz") for name in ("Login", "PublicAction")),
    *(public(f"{_PAGES}.{name}", "authz") for name in ("PublicPage", "SignInPage")),
    # What is one's own: the base permissions have it.
    Row(f"{_PAGES}.ProfilePage", "identity"),
    *(
        Row(f"{_REST}.{name}", "identity")
        for name in (
            "Logout",
            "OneSession",
            "OneToken",
            "OwnAction",
            "Profile",
            "Sessions",
            "Tokens",
        )
    ),
    *(
        Row(f"{_ADMIN}.{name}", "authz", asks={"GET": _LOOK, "POST": _CHANGE})
        for name in (
            "AdminAction",
            "AdminPeople",
            "DeletePage",
            "GroupPage",
            "GroupsPage",
            "PeoplePage",
            "PersonPage",
            "RolePage",
            "RolesPage",
            "StartPage",
        )
    ),
)
