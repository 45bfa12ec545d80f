"""A task: the store that a command works on, the server it belongs to, and what is answered.

Right of `cli.accounts`; needs what comes with the extra, as all that does something here.
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join

from jupyter_authz.accounts import people
from jupyter_authz.accounts.administrators import roles_to_give
from jupyter_authz.accounts.opening import public_url_of
from jupyter_authz.accounts.store import Store
from jupyter_authz.errors import RefusedError, StoreError
from jupyter_authz.identity import AccountsIdentityProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_authz.accounts.settings import Accounts
    from jupyter_authz.accounts.store import Writing
    from jupyter_authz.cli.server import Configured
    from jupyter_authz.policy.engine import Policy


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers.

    Parameters
    ----------
    json
        For programs.
    text
        For people, without the end of its last line.
    """

    json: Any
    text: str


@dataclass(frozen=True, slots=True)
class Task:
    """What a command works on.

    Parameters
    ----------
    configured
        The server.
    settings
        Of accounts.
    store
        Open, or there at least.
    """

    configured: Configured
    settings: Accounts
    store: Store

    @property
    def policy(self) -> Policy | None:
        """The policy of the configuration; None where there is none."""
        return self.configured.guard.policy

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of the roles that can be given."""
        return tuple(role.name for role in roles_to_give(self.policy)) if self.policy else ()

    @property
    def has_sign_in(self) -> bool:
        """Whether people sign in with their accounts, and not in another way."""
        return isinstance(self.configured.server.identity_provider, AccountsIdentityProvider)

    @property
    def configured_accounts(self) -> frozenset[str]:
        """The usernames of accounts that stand in the configuration."""
        provider = self.configured.server.identity_provider
        if not isinstance(provider, AccountsIdentityProvider):
            return frozenset()
        return frozenset(provider.accounts.accounts)

    @property
    def configured_names(self) -> frozenset[str]:
        """All usernames of which the configuration speaks."""
        named = self.policy.usernames() if self.policy is not None else frozenset()
        return self.configured_accounts | named

    def require_sign_in(self) -> None:
        """Require that people sign in with their accounts.

        Raises
        ------
        RefusedError
            They do in another way, so that passwords, links and tokens are good for nothing.
        """
        if not self.has_sign_in:
            raise RefusedError(
                "other-sign-in",
                "people sign in to this server in another way: expected "
                "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'",
            )

    def require_not_configured(self, username: str) -> None:
        """Require that an account is not one of the configuration.

        Raises
        ------
        RefusedError
            It is.
        """
        if username in self.configured_accounts:
            raise RefusedError(
                "configured",
                f"the account {username!r} stands in the configuration: change it there",
            )

    def know(self, writing: Writing, username: str) -> None:
        """Have a row of somebody whom the configuration knows."""
        if username in self.configured_names:
            people.know(writing, [username])

    def link(self, page: str, secret: str) -> str:
        """Give the address of a page for which a link is good."""
        public = public_url_of(self.configured.server, self.settings)
        return f"{url_path_join(public, 'authz', page)}?link={secret}"


@contextmanager
def task_of(configured: Configured, settings: Accounts, *, looks: bool) -> Iterator[Task]:
    """Open the store of a server, and close it afterwards.

    Parameters
    ----------
    configured
        The server.
    settings
        Of its accounts.
    looks
        Whether nothing is to be changed, or made.

    Raises
    ------
    StoreError
        The store cannot be used or reached, or there is none to look at.
    """
    store = Store(settings.url)
    try:
        if not looks:
            store.open()
        elif not store.is_there():
            raise StoreError(
                f"{store.name}: there is no store yet: it is made by the first server, or by the "
                "first `jupyter authz user add`"
            )
        yield Task(configured, settings, store)
    finally:
        store.close()


def told_time(seconds: int | None, never: str = "never") -> str:
    """Give a time as people read it.

    Parameters
    ----------
    seconds
        Since 1970, or None.
    never
        What stands for None.
    """
    if seconds is None:
        return never
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> str:
    """Give rows below a head, in columns; or what is told where there are none."""
    if not rows:
        return nothing
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
