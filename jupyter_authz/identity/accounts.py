"""The identity provider whose accounts stand in the configuration; first in the line: who asks.

It puts together what the other modules of this package do, and answers Jupyter Server.
"""

from __future__ import annotations

import copy
import hmac
import json
import os
import secrets
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth import IdentityProvider, User
from tornado.web import RequestHandler
from traitlets import Bool, Dict, List, TraitError, Type, Unicode, default, observe, validate

from jupyter_authz.identity.credentials import check_password
from jupyter_authz.identity.index import Account, AccountIndex, AccountsError, build_index
from jupyter_authz.identity.login import (
    BUSY,
    LOST,
    WRONG,
    LoginHandler,
    LogoutHandler,
    Refusal,
    waiting,
)
from jupyter_authz.identity.throttle import Throttle, Turns
from jupyter_authz.identity.tokens import TokenFinder
from jupyter_authz.identity.users import AccountUser, visitor_cookie
from jupyter_authz.identity.workers import Workers
from jupyter_authz.model import GUEST

if TYPE_CHECKING:
    from jupyter_authz.identity.stored import StoredAccounts

PASSWORD_THREADS = 2
PASSWORD_QUEUE = 64
TOKEN_QUEUE = 64


class AccountsTrait(Dict):
    """The accounts. Other than `Dict` it never quotes a wrong value, which may hold passwords."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Refuse what no index can be made of; keep a copy that nobody else can change.

        Raises
        ------
        TraitError
            Naming the account, the key, what is wrong and what was expected.
        """
        try:
            build_index(value)
        except AccountsError as error:
            raise TraitError(f"c.{type(obj).__name__}.users: {error}") from None
        return copy.deepcopy(dict(value))


class AccountsIdentityProvider(IdentityProvider):
    """Lets several people sign in to one server, each with an account of their own.

    People sign in by name and password and keep a cookie; scripts send a token with every
    request, in the ``Authorization`` header. There is no token of the server itself.

    Notes
    -----
    Assigning `users` replaces all accounts at once, between two requests. A value that cannot be
    used raises `TraitError` and leaves the accounts as they were. Changing the dict in place does
    nothing.
    """

    users = AccountsTrait(
        help="""
        The accounts, by username. Every key of an account may be left out; one without password
        and tokens cannot sign in.

        - hashed_password: as `jupyter_server.auth.passwd()` makes it
        - hashed_tokens: a list, each as `python -c "from jupyter_authz import new_token;
          print(*new_token())"` prints it after the token
        - groups: a list, such as ["team/finance"]
        - display_name: what others see

        Example:

            c.AccountsIdentityProvider.users = {
                "ann": {
                    "hashed_password": "argon2:$argon2id$v=19$...",
                    "hashed_tokens": ["sha256:9f86d081..."],
                    "groups": ["manager"],
                    "display_name": "Ann",
                },
            }
        """,
    ).tag(config=True)

    token = Unicode("", help="Always empty. With accounts there is no token of the server.").tag(
        config=True
    )

    need_token = Bool(False)  # noqa: FBT003 - a trait takes its default so

    login_handler_class = Type(
        default_value=LoginHandler,
        klass=RequestHandler,
        help="The handler of the page that asks for name and password.",
    ).tag(config=True)

    logout_handler_class = Type(
        default_value=LogoutHandler,
        klass=RequestHandler,
        help="The handler that signs out.",
    ).tag(config=True)

    updatable_fields = List(
        trait=Unicode(),
        help="Always empty. What others see of a user stands with the account.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        # Assigning traits calls `_adopt_users`, which needs these.
        self._password_workers = Workers(
            "passwords", threads=PASSWORD_THREADS, capacity=PASSWORD_QUEUE
        )
        # INVARIANT: one client does not keep everybody else from signing in.
        # tests/identity/test_login.py::test_one_client_leaves_turns_for_others
        self._turns = Turns(PASSWORD_QUEUE * 3 // 4)
        # Of their own, so that wrong tokens do not keep people from signing in.
        self._token_workers = Workers("tokens", threads=1, capacity=TOKEN_QUEUE)
        self._adopt(build_index({}))
        # Where accounts, and all sessions, are kept in a store.
        self.stored: StoredAccounts | None = None
        self.throttle = Throttle()
        super().__init__(**kwargs)

    # ------------------------------------------------------------------ accounts

    @property
    def accounts(self) -> AccountIndex:
        """The accounts in force; another index when `users` changes."""
        return self._accounts

    @observe("users")
    def _adopt_users(self, change: Any) -> None:
        # INVARIANT: the validated value becomes the index as a whole or not at all
        # (tests/identity/test_replacing.py).
        self._adopt(build_index(change.new))

    def _adopt(self, index: AccountIndex) -> None:
        self._accounts = index
        self._tokens = TokenFinder(index, self._token_workers)

    @staticmethod
    def _user(account: Account, kind: str) -> AccountUser:
        """Make the user of an account; everything but the name comes from the configuration."""
        return AccountUser(
            username=account.username,
            display_name=account.display_name,
            groups=account.groups,
            kind=kind,
        )

    # ------------------------------------------------------------------ no server token

    # INVARIANT: the server has no token, so no page can leak it and it opens no account
    # (tests/identity/test_server_token.py).

    @default("token")
    def _default_token(self) -> str:
        for name in ("JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE"):
            if os.environ.get(name):
                self._warn_of_token(name)
        return ""

    @validate("token")
    def _no_token(self, proposal: Any) -> str:
        if proposal["value"]:
            self._warn_of_token("the configured token")
        return ""

    def _warn_of_token(self, source: str) -> None:
        self.log.warning(
            "jupyter_authz: ignoring %s: with accounts there is no server token. "
            "Give each account tokens of its own, see c.AccountsIdentityProvider.users",
            source,
        )

    # ------------------------------------------------------------------ who asks

    # A plain function: awaiting costs more than the look-up does.
    def get_user(
        self, handler: RequestHandler
    ) -> AccountUser | Awaitable[AccountUser | None] | None:
        """Tell who makes a request; without side effects on the reply, but that guests get a mark.

        Parameters
        ----------
        handler
            Of any class; a plain tornado handler will do.

        Returns
        -------
        AccountUser, None or an awaitable of either
            An awaitable only for a token whose hash is slow to check, the first time.
        """
        known = getattr(handler, "_jupyter_current_user", None)
        if known is not None:
            return cast("AccountUser", known)
        user = self.get_user_anew(handler)
        if self.stored is not None and isinstance(user, AccountUser):
            self.stored.note_seen(user)
            if user.kind == GUEST and user.visitor is None:
                user.visitor = secrets.token_hex(16)
                self._set_cookie(handler, visitor_cookie(self, handler), user.visitor)
        return user

    def get_user_anew(
        self, handler: RequestHandler
    ) -> AccountUser | Awaitable[AccountUser | None] | None:
        """Tell who has made a request, as things are now: for connections that stay open.

        Parameters
        ----------
        handler
            Of the request.

        Returns
        -------
        AccountUser, None or an awaitable of either
            None if the account is gone, its password was changed, or the token was removed.
        """
        token = self.get_token(handler)
        if token is not None:
            # INVARIANT: a wrong token is nobody, whatever the cookie says
            # (tests/identity/test_tokens.py, test_wrong_token_beats_cookie).
            return self._token_user(handler, token)
        user = cast("AccountUser | None", self.get_user_cookie(handler))
        if user is not None or self.stored is None:
            return user
        guest = self.stored.guest()
        if guest is not None:
            mark = handler.get_secure_cookie(visitor_cookie(self, handler))
            guest.visitor = mark.decode("ascii") if mark else None
        return guest

    def get_token(self, handler: RequestHandler) -> str | None:
        """Read the token from the ``Authorization`` header, and from nowhere else.

        URLs end up in logs, histories and ``Referer`` headers; ``?token=`` is not looked at.
        """
        match = self.auth_header_pat.fullmatch(handler.request.headers.get("Authorization", ""))
        return match.group(2) if match else None

    async def get_user_token(self, handler: RequestHandler) -> AccountUser | None:
        """Tell whose token a request carries."""
        token = self.get_token(handler)
        user = None if token is None else self._token_user(handler, token)
        return await user if isinstance(user, Awaitable) else user

    def _token_user(
        self, handler: RequestHandler, token: str
    ) -> AccountUser | Awaitable[AccountUser | None] | None:
        if self.stored is not None:
            user = self.stored.user_of_token(token)
            if user is not None:
                return user
        found = self._tokens.find(token)
        if isinstance(found, Awaitable):
            return self._slow_token_user(handler, token, found)
        return self._owner_or_nobody(handler, found)

    async def _slow_token_user(
        self, handler: RequestHandler, token: str, found: Awaitable[Account | None]
    ) -> AccountUser | None:
        finder = self._tokens
        account = await found
        if finder is self._tokens:
            return self._owner_or_nobody(handler, account)
        # The accounts were replaced while the token was checked.
        user = self._token_user(handler, token)
        return await user if isinstance(user, Awaitable) else user

    def _owner_or_nobody(
        self, handler: RequestHandler, account: Account | None
    ) -> AccountUser | None:
        if account is None or not self._may_sign_in(account.username):
            self.log.info("jupyter_authz: unknown token from %s", handler.request.remote_ip)
            return None
        return self._user(account, "token")

    def _may_sign_in(self, username: str) -> bool:
        stored = self.stored
        return stored is None or not (stored.is_lost or stored.refusal(username))

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """Whether a token in the request itself tells who asks, which no other site can forge.

        Jupyter Server then asks for neither an XSRF token nor a known origin.
        """
        return getattr(handler.current_user, "kind", None) == "token"

    # ------------------------------------------------------------------ the cookie

    def user_to_cookie(self, user: User, session: str | None = None) -> str:
        """Write the username and the fingerprint of the account, and its session in the store.

        Raises
        ------
        ValueError
            If there is no such account.
        """
        account = self._account(user.username)
        if account is None:
            raise ValueError(f"no account {user.username!r}: expected the user of an account")
        content = {"username": account.username, "fingerprint": account.fingerprint}
        return json.dumps(content if session is None else {**content, "session": session})

    def known(self, username: str) -> AccountUser:
        """Give the user of an account, as when they have signed in.

        Raises
        ------
        ValueError
            There is no such account.
        """
        account = self._account(username)
        if account is None:
            raise ValueError(f"no account {username!r}")
        return self._user(account, "user")

    def _account(self, username: str) -> Account | None:
        """Give an account of the configuration, or else of the store."""
        found = self.accounts.accounts.get(username)
        return found or (None if self.stored is None else self.stored.account(username))

    def user_from_cookie(self, cookie_value: str) -> AccountUser | Any:
        """Give the user of a cookie, as configured now; None if the account is not the same."""
        # INVARIANT: a changed password, a removed or a renamed account ends the session, and
        # groups come from the configuration (tests/identity/test_cookie.py).
        try:
            content = json.loads(cookie_value)
            account = self._account(content["username"])
            assert account is not None
            same = hmac.compare_digest(account.fingerprint, content["fingerprint"])
            session = None if self.stored is None else str(content["session"])
        except (AssertionError, ValueError, KeyError, TypeError):
            # Signed with our secret, but by another identity provider, or out of date.
            return None
        if not same:
            return None
        if self.stored is None or session is None:
            return self._user(account, "user")
        return self._user_of_session(account, self.stored.user_of_session(session))

    def _user_of_session(
        self, account: Account, found: AccountUser | Awaitable[AccountUser | None] | None
    ) -> AccountUser | Any:
        """Give the user of a session in the store, as whose account it is says."""

        def checked(user: AccountUser | None) -> AccountUser | None:
            # INVARIANT: tests/accounts/test_rest.py::test_a_session_is_of_whom_the_cookie_names
            if user is None or user.username != account.username:
                return None
            if account.username in self.accounts.accounts:
                own = self._user(account, "user")
                user.display_name = own.display_name
                user.groups = tuple(dict.fromkeys((*own.groups, *user.groups)))
            return user

        async def awaited(found: Awaitable[AccountUser | None]) -> AccountUser | None:
            return checked(await found)

        return awaited(found) if isinstance(found, Awaitable) else checked(found)

    async def begin_session(self, handler: RequestHandler, user: User) -> None:
        """Sign a user in to the browser that a request came from.

        Raises
        ------
        AuthzError
            They may not sign in now, or the store cannot be reached.
        """
        session = None
        if self.stored is not None:
            request = handler.request
            agent = request.headers.get("User-Agent", "")
            address = request.remote_ip or ""
            shown = getattr(user, "shown", None)
            session = await self.stored.begin_session(user.username, address, agent, shown)
        self.set_login_cookie(handler, user, session)

    async def end_session(self, handler: RequestHandler) -> None:
        """Sign out whoever sent a request, for good."""
        user = getattr(handler, "current_user", None)
        if self.stored is not None and isinstance(user, AccountUser):
            await self.stored.end_session(user)

    def set_login_cookie(
        self, handler: RequestHandler, user: User, session: str | None = None
    ) -> None:
        """Keep a user signed in; as Jupyter Server does, and not sent along by other sites."""
        # INVARIANT: a token never sets a cookie
        # (tests/identity/test_tokens.py, test_token_sets_no_cookie).
        if getattr(user, "kind", None) == "token":
            self.log.warning("jupyter_authz: not setting a cookie for a user of a token")
            return
        name = self.get_cookie_name(handler)
        self._set_cookie(handler, name, self.user_to_cookie(user, session))

    def _set_cookie(self, handler: RequestHandler, name: str, value: str) -> None:
        options = dict(self.cookie_options)
        given = {name.lower() for name in options}
        is_secure = self.secure_cookie
        if is_secure is None:
            is_secure = handler.request.protocol == "https"
        defaults = {
            "httponly": True,
            "samesite": "Lax",
            "path": handler.settings.get("base_url", "/"),
            **({"secure": True} if is_secure else {}),
        }
        options.update((name, value) for name, value in defaults.items() if name not in given)
        handler.set_secure_cookie(name, value, **options)

    def clear_login_cookie(self, handler: RequestHandler) -> None:
        """End a session in this browser."""
        super().clear_login_cookie(handler)
        domain = self.cookie_options.get("domain")
        if domain:
            # A cookie of a domain is only cleared under that domain; Jupyter Server forgets it.
            path = self.cookie_options.get("path", cast("Any", handler).base_url)
            handler.clear_cookie(self.get_cookie_name(handler), path=path, domain=domain)

    # ------------------------------------------------------------------ signing in

    async def sign_in(self, username: str, password: str, address: str) -> AccountUser | Refusal:
        """Check a name and a password.

        Parameters
        ----------
        username, password
            As typed.
        address
            The client's IP address.

        Returns
        -------
        AccountUser or Refusal
            A refusal is the same, and takes as long, whether there is such an account or not.
        """
        if self._password_workers.is_full or not self._turns.begin(address):
            return BUSY
        try:
            return await self._checked(username, password, address)
        finally:
            self._turns.end(address)

    async def _checked(self, username: str, password: str, address: str) -> AccountUser | Refusal:
        seconds = self.throttle.begin(username, address)
        if seconds > 0:
            return waiting(seconds)
        if self.stored is not None and self.stored.is_lost:
            return LOST
        account = self._account(username)
        right = await self._password_workers.run(
            check_password,
            account.hashed_password if account else None,
            password,
            self.accounts.dummies,
        )
        # The accounts may have been replaced while the password was checked.
        current = self._account(username)
        if not right or not account or not current or current.fingerprint != account.fingerprint:
            return WRONG
        if current.hashed_password != account.hashed_password:
            return WRONG
        self.throttle.succeed(username, address)
        return self._let_in(current)

    def _let_in(self, account: Account) -> AccountUser | Refusal:
        """Give the user of an account whose password was right, if they may sign in."""
        refusal = None if self.stored is None else self.stored.refusal(account.username)
        if refusal is not None:
            return Refusal(403, refusal)
        user = self._user(account, "user")
        if account.username not in self.accounts.accounts:
            user.shown = account.hashed_password or ""
        return user

    @validate("updatable_fields")
    def _nothing_to_update(self, proposal: Any) -> list[str]:
        if proposal["value"]:
            self.log.warning("jupyter_authz: ignoring updatable_fields: accounts are configured")
        return []

    @property
    def auth_enabled(self) -> bool:
        """Always: nobody gets in without an account."""
        return True

    def validate_security(self, app: Any, ssl_options: dict[str, Any] | None = None) -> None:
        """Warn of what leaves the server open, and of accounts that leave it closed to all."""
        super().validate_security(app, ssl_options)
        if self.stored is not None or self.config.Accounts.get("enabled"):
            return
        index = self.accounts
        has_password = any(account.hashed_password for account in index.accounts.values())
        if not (has_password or index.tokens or index.slow_tokens):
            self.log.warning(
                "jupyter_authz: nobody can sign in: no account in c.%s.users has a password "
                "or a token",
                type(self).__name__,
            )
