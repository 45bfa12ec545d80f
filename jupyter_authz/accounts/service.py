"""What people do with their own accounts: register, set passwords, change addresses.

Between the handlers, REST and pages alike, and the store. Each function is one thing that somebody
does; what is refused is refused with a sentence for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.security import passwd
from jupyter_server.utils import url_path_join

from jupyter_authz.accounts import people, secrets
from jupyter_authz.accounts.possessions import SessionsAndTokens, require_browser
from jupyter_authz.accounts.post import Limit, Post
from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.credentials import MAX_SECRET_LENGTH, check_password
from jupyter_authz.identity.throttle import client_network
from jupyter_authz.identity.workers import Workers
from jupyter_authz.model import GUEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_authz.accounts.live import Live
    from jupyter_authz.accounts.mail import Mailer
    from jupyter_authz.accounts.store import Writing
    from jupyter_authz.guard.http import Guard
    from jupyter_authz.identity import AccountsIdentityProvider, AccountUser

# Registrations from one client within an hour, and links to set a password.
_MOST_REGISTRATIONS = 20

_HASHERS = Workers("hashes", threads=2, capacity=64)


class Service(SessionsAndTokens):
    """What people do with their own accounts.

    Parameters
    ----------
    live
        The store.
    provider
        The identity provider, which knows the accounts of the configuration.
    mailer
        Sends mails.
    guard
        Whose policy is asked.
    """

    def __init__(
        self,
        live: Live,
        provider: AccountsIdentityProvider | None,
        mailer: Mailer,
        guard: Guard,
    ) -> None:
        super().__init__(live, guard)
        self.provider = provider
        self.post = Post(mailer, guard.log)
        self._registrations = Limit(_MOST_REGISTRATIONS)
        self._requests = Limit(_MOST_REGISTRATIONS)
        # Where people reach the server, with a slash at its end.
        self.public_url = ""

    # ------------------------------------------------------------------ what all of them need

    def _check_password(self, password: object) -> str:
        least = self.settings.shortest_password
        if not isinstance(password, str) or not least <= len(password) <= MAX_SECRET_LENGTH:
            raise RefusedError(
                "bad-password",
                f"Expected a password of {least} to {MAX_SECRET_LENGTH} characters.",
            )
        return password

    async def hashed(self, password: object) -> str:
        """Check a new password and hash it.

        Raises
        ------
        RefusedError
            It is too short or too long.
        """
        checked = self._check_password(password)
        if _HASHERS.is_full:
            raise RefusedError("busy", "Too many people do this right now. Please try again.")
        hashed: str = await _HASHERS.run(passwd, checked)
        return hashed

    def link(self, page: str, secret: str) -> str:
        """Give the address of a page for which a link is good."""
        # INVARIANT: never from what a request calls the server, which anybody can choose.
        # tests/accounts/test_rest.py::test_links_are_to_this_server
        return f"{url_path_join(self.public_url, 'authz', page)}?link={secret}"

    def _requires_own(self, user: AccountUser) -> Any:
        """Require somebody who is signed in by a browser to an account of the store."""
        require_browser(user)
        person = self.live.person(user.username)
        if person is None:
            raise RefusedError("no-user", "This account is not one of the store.")
        return person

    async def _require_password(self, user: AccountUser, password: object, address: str) -> str:
        """Require that whoever is signed in knows the password, too; give its hash.

        Who has none yet, as they have signed in by a link, knows all there is to know.
        """
        person = self._requires_own(user)
        if self.provider is None or self._is_configured(user.username):
            raise RefusedError(
                "configured", "This account is set up by those who run this server: ask them."
            )
        if person.password is None:
            return ""
        seconds = self.provider.throttle.begin(user.username, address)
        if seconds > 0:
            raise RefusedError(
                "too-often", f"There were too many failed attempts. Wait {seconds:.0f} seconds."
            )
        given = password if isinstance(password, str) else ""
        dummies = self.provider.accounts.dummies
        if not await _HASHERS.run(check_password, person.password, given, dummies):
            raise RefusedError("wrong-password", "The password is not right.")
        self.provider.throttle.succeed(user.username, address)
        return str(person.password)

    def _is_spoken_of(self, username: str) -> bool:
        """Whether roles or the configuration mention a name, however it is written."""
        policy = self.guard.policy
        named = () if policy is None else policy.usernames()
        known = () if self.provider is None else self.provider.accounts.accounts
        key = people.username_key(username)
        return username == GUEST or any(people.username_key(n) == key for n in (*named, *known))

    def _is_configured(self, username: str) -> bool:
        return self.provider is not None and username in self.provider.accounts.accounts

    # ------------------------------------------------------------------ registering

    async def register(
        self, *, username: object, password: object, email: object, name: object = "", address: str
    ) -> str:
        """Make an account, and give its state.

        Parameters
        ----------
        username, password, email, name
            As somebody gave them.
        address
            Of the client.

        Raises
        ------
        RefusedError
            The name is taken, or something is not of the form that it must have.
        """
        if not self._registrations.allows(client_network(address)):
            raise RefusedError("too-often", "There were too many registrations. Try again later.")
        checked = people.check_new_username(username)
        mail = people.check_email(email)
        text = people.check_text(name, "name")
        self._check_password(password)
        # INVARIANT: nobody becomes whom the policy speaks of by choosing their name.
        # tests/accounts/test_rest.py::test_names_of_the_policy_are_taken
        if self._is_spoken_of(checked):
            raise RefusedError("name-taken", f"The username {checked!r} is taken.")
        hashed = await self.hashed(password)
        needs_link = self.settings.needs_verification
        state = people.UNVERIFIED if needs_link else self._state_when_verified()

        def make(writing: Writing) -> str | None:
            other = people.find_by_email(writing.connection, mail)
            if other is not None and needs_link:
                # INVARIANT: what comes next is the same, whether or not the address is somebody's.
                # tests/accounts/test_rest.py::test_whose_an_address_is
                people.add(writing, checked, state=state, name=text, password=hashed)
                return None
            people.add(writing, checked, state=state, name=text, email=mail, password=hashed)
            if not needs_link:
                return ""
            seconds = self.settings.link_limit
            return secrets.make_link(writing, checked, secrets.VERIFY, seconds=seconds, email=mail)

        secret = await self.live.write(make)
        if secret is None:
            # INVARIANT: whether an address has an account is told to that address only.
            # tests/accounts/test_rest.py::test_whose_an_address_is
            self.post.send(
                mail,
                "You have an account already",
                "Somebody, perhaps you, tried to register with this address, which belongs to an "
                "account already. If you have forgotten its password, ask for a link to set "
                f"another one: {url_path_join(self.public_url, 'authz', 'forgot')}\n",
            )
            return state
        if secret:
            self.post.send(
                mail,
                "Please confirm your address",
                # Not with what they say they are called: it may be anything, and goes to anybody.
                f"Hello {checked},\n\nto confirm that this is your address, open\n\n"
                f"{self.link('verify', secret)}\n\nIf you have not registered, do nothing.\n",
            )
        self._log.info("jupyter_authz | %r registered and is %s", checked, state)
        return state

    def _state_when_verified(self) -> str:
        return people.AWAITING if self.settings.needs_approval else people.ACTIVE

    async def verify_email(self, *, link: object) -> str:
        """Show that an address is one's own; give the state of the account.

        Raises
        ------
        RefusedError
            The link is not good, or the address has become somebody else's.
        """
        text = _text(link, "link")

        def verify(writing: Writing) -> str:
            try:
                row = secrets.use_link(writing, text, secrets.VERIFY)
            except RefusedError:
                row = secrets.use_link(writing, text, secrets.CHANGE_EMAIL)
            person = people.require(writing.connection, row.username)
            if row.purpose == secrets.CHANGE_EMAIL:
                people.change(writing, row.username, email=row.email)
            people.change(writing, row.username, is_verified=True)
            state = str(person.state)
            if state == people.UNVERIFIED:
                state = self._state_when_verified()
                people.set_state(writing, row.username, state)
            return state

        return await self.live.write(verify)

    # ------------------------------------------------------------------ passwords

    async def request_reset_password(self, *, email: object, address: str) -> None:
        """Have a link to set another password sent, if the address is somebody's.

        Raises
        ------
        RefusedError
            It is no address, or too many were asked for.
        """
        if not self._requests.allows(client_network(address)):
            raise RefusedError("too-often", "There were too many requests. Try again later.")
        mail = people.check_email(email)
        if not self.post.allows(mail):
            # INVARIANT: what was sent stays good, however often somebody asks.
            # tests/accounts/test_rest.py::test_asking_again_and_again
            return
        person = await self.live.read(people.find_by_email, mail)
        if person is None or not _may_reset(person) or self._is_configured(person.username):
            return
        seconds = self.settings.reset_limit

        def make(writing: Writing) -> str | None:
            row = people.find_by_email(writing.connection, mail)
            # INVARIANT: a link that is asked for while one is blocked is never made.
            # tests/accounts/test_rest.py::test_a_reset_lifts_no_block
            if row is None or row.username != person.username or not _may_reset(row):
                return None
            return secrets.make_link(
                writing, row.username, secrets.RESET, seconds=seconds, email=row.email
            )

        async def answer() -> None:
            secret = await self.live.write(make)
            if secret is not None:
                self.post.deliver(
                    person.email,
                    "Your password",
                    f"Hello {person.name or person.username},\n\nto set another password, open\n\n"
                    f"{self.link('reset', secret)}\n\nIf you have not asked for this, do nothing: "
                    "your password stays as it is.\n",
                )

        self.post.do_later(answer)

    async def reset_password(self, *, link: object, password: object) -> str:
        """Set a password by a link; give the state of the account.

        Raises
        ------
        RefusedError
            The link is not good, or the password is too short.
        """
        secret = _text(link, "link")
        hashed = await self.hashed(password)

        def reset(writing: Writing) -> str:
            row = secrets.use_link(writing, secret, secrets.RESET)
            person = people.require(writing.connection, row.username)
            if not _may_reset(person) or (row.email and row.email != person.email):
                raise RefusedError(
                    "bad-link", "This link has been used already, has expired, or is incomplete."
                )
            people.set_password(writing, row.username, hashed)
            if row.email and not person.is_verified:
                people.change(writing, row.username, is_verified=True)
            if person.state == people.UNVERIFIED:
                people.set_state(writing, row.username, self._state_when_verified())
            self._log.info("jupyter_authz | %r set a password by a link", row.username)
            return str(people.require(writing.connection, row.username).state)

        return await self.live.write(reset)

    async def change_password(
        self, user: AccountUser, *, new_password: object, address: str, password: object = None
    ) -> None:
        """Change one's password; all sessions and tokens end, this one too.

        Raises
        ------
        RefusedError
            The password is not right, or the new one is too short.
        """
        shown = await self._require_password(user, password, address)
        hashed = await self.hashed(new_password)

        def change(writing: Writing) -> None:
            # INVARIANT: tests/accounts/test_changes.py::test_an_old_password_changes_nothing
            secrets.require_password(people.require(writing.connection, user.username), shown)
            people.set_password(writing, user.username, hashed)

        await self.write_as(user, change)
        # With which they are signed in again.
        user.shown = hashed
        self._log.info("jupyter_authz | %r changed the password", user.username)

    async def change_email(
        self, user: AccountUser, *, email: object, address: str, password: object = None
    ) -> None:
        """Have a link sent to another address, which becomes one's own when it is followed.

        Raises
        ------
        RefusedError
            The password is not right, or it is no address.
        """
        mail = people.check_email(email)
        shown = await self._require_password(user, password, address)

        def make(writing: Writing) -> tuple[str | None, Any]:
            row = people.require(writing.connection, user.username)
            secrets.require_password(row, shown)
            other = people.find_by_email(writing.connection, mail)
            if other is not None and other.username != user.username:
                return None, row
            seconds = self.settings.link_limit
            return secrets.make_link(
                writing, user.username, secrets.CHANGE_EMAIL, seconds=seconds, email=mail
            ), row

        secret, row = await self.write_as(user, make)
        if secret is not None:
            self.post.send(
                mail,
                "Please confirm your address",
                f"To have this as the address of the account {user.username!r}, open\n\n"
                f"{self.link('verify', secret)}\n",
            )
        if row.email and row.email != mail:
            self.post.send(
                row.email,
                "Another address for your account",
                f"The account {user.username!r} is about to have another address. If this was not "
                "you, change your password, and tell those who run the server.\n",
            )

    # ------------------------------------------------------------------ signing in by a link

    async def sign_in_by_link(self, *, link: object) -> AccountUser:
        """Use a link to sign in once, and give whose it is.

        Raises
        ------
        RefusedError
            It is not good, or the account is not active.
        """
        secret = _text(link, "link")

        def use(writing: Writing) -> tuple[str, str]:
            row = secrets.use_link(writing, secret, secrets.SIGN_IN)
            person = secrets.require_active(writing, row.username)
            return str(row.username), person.password or ""

        username, shown = await self.live.write(use)
        user = self.provider.known(username) if self.provider is not None else None
        if user is None:
            raise RefusedError("not-offered", "People sign in to this server in another way.")
        if not self._is_configured(username):
            # What has been changed meanwhile counts.
            user.shown = shown
        return user

    # ------------------------------------------------------------------ profile

    def profile(self, user: AccountUser) -> dict[str, Any]:
        """Give what somebody may know of their own account."""
        person = self.live.person(user.username)
        known = {
            "username": user.username,
            "name": user.display_name or user.username,
            "groups": sorted(getattr(user, "groups", ())),
            "kind": getattr(user, "kind", None),
            "is_configured": self._is_configured(user.username),
        }
        if person is None:
            return {**known, "email": None, "is_verified": False, "has_password": False}
        return {
            **known,
            "name": person.name or user.display_name or user.username,
            "email": person.email,
            "is_verified": person.is_verified,
            "has_password": person.password is not None,
        }

    async def change_profile(self, user: AccountUser, *, name: object) -> None:
        """Change what others see.

        Raises
        ------
        RefusedError
            It is no line of text.
        """
        self._requires_own(user)
        if self._is_configured(user.username):
            raise RefusedError(
                "configured", "This account is set up by those who run this server: ask them."
            )
        await self.write_as(user, _rename, user.username, name)


def _rename(writing: Writing, username: str, name: object) -> None:
    people.change(writing, username, name=name)


def _may_reset(person: Any) -> bool:
    return person.state in {people.INVITED, people.UNVERIFIED, people.AWAITING, people.ACTIVE}


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise RefusedError("bad-request", f"Expected a string as {key!r}.")
    return value


def body_of(said: Mapping[str, Any], fields: Mapping[str, bool]) -> dict[str, Any]:
    """Take from a body what a function of the service takes, by name.

    Parameters
    ----------
    said
        The body.
    fields
        By name, whether it must be there.

    Raises
    ------
    RefusedError
        Something is missing, or nobody knows it.
    """
    for key in said:
        if key not in fields:
            known = ", ".join(map(repr, fields))
            raise RefusedError("bad-request", f"Unknown field {key!r}: expected {known}.")
    for key, is_needed in fields.items():
        if is_needed and said.get(key) is None:
            raise RefusedError("bad-request", f"The field {key!r} is missing.")
    return {key: said[key] for key in fields if key in said}
