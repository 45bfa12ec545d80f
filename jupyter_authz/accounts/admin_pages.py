"""The pages of the administration, below `/authz/admin`, and the same over REST.

Beside the other handlers of accounts: the guard has let in whoever may do anything here, and
`administration` is asked about each thing. The pages need no JavaScript.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError, authenticated

from jupyter_authz.accounts import people
from jupyter_authz.accounts.administration import Administration
from jupyter_authz.accounts.deeds import DEEDS
from jupyter_authz.accounts.page import REFERRER, sentence
from jupyter_authz.accounts.rest import STATUSES, AccountHandler
from jupyter_authz.accounts.service import body_of
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.identity.login import LOST, environment
from jupyter_authz.identity.stored import SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADMINISTRATION = "jupyter_authz_administration"
_STATUSES: Mapping[str, int] = {
    **STATUSES,
    "not-allowed": 403,
    "not-oneself": 403,
    "last-administrator": 409,
    "no-group": 404,
    "no-role": 404,
    "no-grant": 404,
}
_DAY = 24 * 60 * 60
_LONGEST_NUMBER = 9
_STATES = tuple(state for state in people.STATES if state != people.DELETED)


def administration_of(handler: JupyterHandler) -> Administration:
    """Give the administration of a server."""
    settings = handler.settings
    if _ADMINISTRATION not in settings:
        settings[_ADMINISTRATION] = Administration(settings[SERVICE])
    found: Administration = settings[_ADMINISTRATION]
    return found


def shown_end(expires: int | None) -> str:
    """Give when something ends, for a person."""
    if expires is None:
        return "for good"
    is_over = expires <= time.time()
    # What is given until a day ends with it.
    is_day = expires % _DAY == 0
    end = datetime.fromtimestamp(expires - is_day, timezone.utc)
    text = f"{end:%Y-%m-%d}" if is_day else f"{end:%Y-%m-%d %H:%M} UTC"
    return f"ended {text}" if is_over else f"until {text}"


def page_number(handler: JupyterHandler, key: str = "page") -> int:
    """Give which page of a list is asked for."""
    text = handler.get_query_argument(key, "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else 1


def sought(handler: JupyterHandler) -> dict[str, Any]:
    """Give which people are asked for."""
    given = {key: handler.get_query_argument(key, "") for key in ("search", "state", "group")}
    return {**given, "number": page_number(handler)}


class AdminPage(JupyterHandler):
    """What the pages have in common: what is done there, and how it is shown."""

    # In the navigation, and of the address.
    section: ClassVar[str]
    page: ClassVar[str]
    # What is done there.
    deeds: ClassVar[tuple[str, ...]] = ()
    # What was filled in, where it was refused.
    kept: Mapping[str, str] = MappingProxyType({})
    # The argument that says whom or what the page is about.
    about: ClassVar[str] = ""

    @property
    def administration(self) -> Administration:
        """What is done here."""
        return administration_of(self)

    @property
    def content_security_policy(self) -> str:
        """Nothing here runs, and forms go nowhere else."""
        return (
            f"{super().content_security_policy}; script-src 'none'; object-src 'none'; "
            "base-uri 'none'; form-action 'self'"
        )

    @authenticated
    async def get(self) -> None:
        """Show it."""
        await self._answer("")

    @authenticated
    async def post(self) -> None:
        """Do one of the deeds, and come back."""
        name = self.get_body_argument("do", "")
        if name not in self.deeds:
            raise HTTPError(400, "Unknown deed")
        # Names are taken as they are: one with a space at its end is another's.
        fields = {key: self.get_body_argument(key, "", strip=False) for key in DEEDS[name].fields}
        if name in {"add", "change"}:
            fields = {key: value.strip() for key, value in fields.items()}
        try:
            self._require_session()
            for key, is_needed in DEEDS[name].fields.items():
                if is_needed and not fields[key]:
                    raise RefusedError("bad-request", f"Expected a {key}.")  # noqa: TRY301
            await getattr(self.administration, name)(self.current_user, **fields)
        except (RefusedError, StoreLostError) as error:
            # What was typed is not lost.
            self.kept = fields
            await self._answer(self._told(error))
        else:
            # Another page, so that nothing is done twice when it is loaded again.
            self.redirect(self._after(name, fields), status=303)

    def _require_session(self) -> None:
        # Of other identity providers only the handler tells by what somebody is known.
        if self.token_authenticated:
            raise RefusedError("not-by-token", "Sign in with a browser to do this.")

    def _told(self, error: RefusedError | StoreLostError) -> str:
        if isinstance(error, RefusedError):
            self.set_status(_STATUSES.get(error.reason, 400))
            return sentence(str(error))
        self.log.error("jupyter_authz | %s", error)
        self.set_status(503)
        return LOST.message

    def _after(self, name: str, fields: Mapping[str, str]) -> str:
        """Give the address to come back to, which tells what was done."""
        del fields
        return self.link(self.page, **self.which(), done=name)

    def which(self) -> dict[str, str]:
        """Give whom or what the page is about, as the address says."""
        return (
            {self.about: self.get_query_argument(self.about, "", strip=False)} if self.about else {}
        )

    def link(self, place: str, /, **arguments: Any) -> str:
        """Give the address of a page, without what is empty."""
        given = {key: str(value) for key, value in arguments.items() if value not in {"", None}}
        return url_concat(url_path_join(self.base_url, "authz", "admin", place), given)

    async def _answer(self, alert: str) -> None:
        """Show the page, with what went wrong."""
        try:
            self._require_session()
            shown = await self.show()
            template = self.page
        except (RefusedError, StoreLostError) as error:
            # Whatever was refused before: there is nothing to show it on.
            alert, shown, template = self._told(error), {}, "refused"
        self._render(template, alert, shown)

    def _render(self, template: str, alert: str, shown: Mapping[str, Any]) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", REFERRER)
        done = DEEDS.get(self.get_query_argument("done", ""))
        user = self.current_user
        page = environment(self.settings).get_template(f"authz/admin_{template}.html")
        self.finish(
            page.render(
                rights=self.administration.rights(user),
                user=user.display_name or user.username,
                profile_url=self._profile_url(),
                base_url=self.base_url,
                logo=self.static_url("logo/logo.png"),
                icon=self.static_url("favicon.ico"),
                xsrf=self.xsrf_form_html,
                section=self.section,
                link=self.link,
                here=self.link(self.page, **self.which()),
                alert=alert,
                done=done.done if done is not None and not alert else "",
                shown_end=shown_end,
                states=_STATES,
                kept=self.kept,
                **{key: value for key, value in self.which().items() if key},
                **shown,
            )
        )

    def _profile_url(self) -> str:
        """Give the page of one's own account; nothing where there is none."""
        service = self.settings[SERVICE]
        has_one = service.provider is not None and service.settings.may("profile")
        return url_path_join(self.base_url, "authz", "profile") if has_one else ""

    async def show(self) -> dict[str, Any]:
        """Give what its template shows.

        Raises
        ------
        RefusedError
            There is nothing for them to see.
        """
        raise NotImplementedError


class StartPage(AdminPage):
    """Leads to the first page that somebody may see."""

    section, page = "people", ""

    @authenticated
    async def get(self) -> None:
        """Go there."""
        is_delegate = self.administration.rights(self.current_user).is_delegate
        self.redirect(self.link("roles" if is_delegate else "people"))


class PeoplePage(AdminPage):
    """The list of people."""

    section = page = "people"
    deeds = ("add",)

    def _after(self, name: str, fields: Mapping[str, str]) -> str:
        return self.link("person", username=fields["username"], done=name)

    async def show(self) -> dict[str, Any]:
        """Give a page of it."""
        sought = {key: self.get_query_argument(key, "") for key in ("search", "state", "group")}
        listed = await self.administration.people(
            self.current_user, **sought, number=page_number(self)
        )
        sends_links = self.settings[SERVICE].provider is not None
        return {"listed": listed, "sought": sought, "sends_links": sends_links}


class PersonPage(AdminPage):
    """Somebody."""

    section, page, about = "people", "person", "username"
    deeds = (
        "change",
        "send_link",
        "block",
        "unblock",
        "approve",
        "sign_out",
        "add_to_group",
        "remove_from_group",
        "give",
        "take",
    )
    _ASKED = ("question", "path", "owner", "name")

    async def show(self) -> dict[str, Any]:
        """Give what is known of them, and what they may do, where that is asked."""
        username = self.which()["username"]
        profile = await self.administration.person(self.current_user, username)
        asked = {key: self.get_query_argument(key, "") for key in self._ASKED}
        explained, mistake = None, ""
        if asked["question"]:
            try:
                explained = await self.administration.explain(self.current_user, username, **asked)
            except RefusedError as error:
                self.set_status(400)
                mistake = str(error)
        return {"profile": profile, "asked": asked, "explained": explained, "mistake": mistake}


class GroupsPage(AdminPage):
    """The tree of groups."""

    section = page = "groups"
    deeds = ("make_group",)

    async def show(self) -> dict[str, Any]:
        """Give a page of it."""
        listed, tree = await self.administration.groups(self.current_user, number=page_number(self))
        return {"listed": listed, "tree": tree}


class GroupPage(AdminPage):
    """A group and who is in it."""

    section, page, about = "groups", "group", "group"
    deeds = ("add_to_group", "remove_from_group", "make_group", "give", "take")

    async def show(self) -> dict[str, Any]:
        """Give it."""
        name = self.which()["group"]
        numbers = {"number": page_number(self), "below": page_number(self, "below")}
        found, below, listed = await self.administration.group(self.current_user, name, **numbers)
        grants = await self.administration.grants_to_group(self.current_user, name)
        stored = self.administration.stored_members(self.current_user, name)
        return {
            "found": found,
            "below": below,
            "listed": listed,
            "grants": grants,
            "stored": stored,
        }


class RolesPage(AdminPage):
    """The roles that somebody may know of."""

    section = page = "roles"

    async def show(self) -> dict[str, Any]:
        """Give them."""
        return {"roles": self.administration.roles(self.current_user)}


class RolePage(AdminPage):
    """A role and who has it."""

    section, page, about = "roles", "role", "role"
    deeds = ("give", "take")

    async def show(self) -> dict[str, Any]:
        """Give it."""
        name = self.which()["role"]
        held = await self.administration.role(self.current_user, name, number=page_number(self))
        return {"held": held}


class DeletePage(AdminPage):
    """Asks once more before somebody or a group is deleted."""

    section, page = "people", "delete"
    deeds = ("delete", "delete_group")

    def which(self) -> dict[str, str]:
        """Give which of the two it is."""
        return {key: self.get_query_argument(key, "", strip=False) for key in ("username", "group")}

    def _after(self, name: str, fields: Mapping[str, str]) -> str:
        del fields
        return self.link("people" if name == "delete" else "groups", done=name)

    async def show(self) -> dict[str, Any]:
        """Give what would be deleted."""
        which, user = self.which(), self.current_user
        self.administration.require_to_change(user)
        if which["username"]:
            return {"profile": await self.administration.person(user, which["username"])}
        found, _, _ = await self.administration.group(user, which["group"])
        return {"found": found}


class AdminRest(AccountHandler):
    """What the administration over REST has in common."""

    def require_session(self) -> Administration:
        """Give the administration to who is signed in by a browser.

        Raises
        ------
        RefusedError
            They are not.
        """
        if self.token_authenticated:
            raise RefusedError("not-by-token", "Sign in with a browser to do this.")
        return administration_of(self)

    def refuse(self, status: int, message: str, reason: str) -> None:
        """Answer that something was not done."""
        super().refuse(_STATUSES.get(reason, status), message, reason)


class AdminAction(AdminRest):
    """One of `DEEDS`."""

    @authenticated
    async def post(self, name: str) -> None:
        """Do it."""

        async def do() -> None:
            administration = self.require_session()
            said = body_of(self.said(), DEEDS[name].fields)
            if not all(isinstance(value, str) for value in said.values()):
                raise RefusedError("bad-request", "Expected strings as fields.")
            await getattr(administration, name)(self.current_user, **said)

        await self.answered(do())


class AdminPeople(AdminRest):
    """The list of people."""

    @authenticated
    async def get(self) -> None:
        """Give a page of it."""

        async def look() -> dict[str, Any]:
            listed = await self.require_session().people(self.current_user, **sought(self))
            keys = ("username", "name", "email", "state", "groups")
            return {
                "people": [{key: getattr(one, key) for key in keys} for one in listed.entries],
                "page": listed.number,
                "pages": listed.pages,
                "total": listed.total,
            }

        await self.answered(look())


ROUTES: tuple[tuple[str, type[JupyterHandler]], ...] = (
    (r"authz/admin/?", StartPage),
    *(
        (rf"authz/admin/{page.page}", page)
        for page in (
            PeoplePage,
            PersonPage,
            GroupsPage,
            GroupPage,
            RolesPage,
            RolePage,
            DeletePage,
        )
    ),
    (rf"api/authz/admin/({'|'.join(DEEDS)})", AdminAction),
    (r"api/authz/admin/people", AdminPeople),
)
