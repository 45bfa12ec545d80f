"""The people of a policy: whether those whom its roles name can be there at all."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from jupyter_authz.cli.accounts import INSTALL
from jupyter_authz.cli.findings import Finding, listed
from jupyter_authz.cli.server import StartError
from jupyter_authz.errors import StoreError
from jupyter_authz.identity import AccountsIdentityProvider
from jupyter_authz.policy.roles import EVERYBODY
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jupyter_server.auth.identity import IdentityProvider

    from jupyter_authz.cli.server import Configured
    from jupyter_authz.identity.index import AccountIndex
    from jupyter_authz.policy.roles import Role

_JUPYTER = "jupyter_server."
_WHO = ("get_user", "get_user_token", "process_login_form", "generate_anonymous_user")


def makes_up_users(provider: IdentityProvider) -> bool:
    """Whether an identity provider makes up a random user at each sign-in.

    Jupyter Server's own do, and those derived from them that leave finding out who asks to them.
    """
    return all(getattr(type(provider), name).__module__.startswith(_JUPYTER) for name in _WHO)


def stored_memberships(configured: Configured) -> Mapping[str, Sequence[str]]:
    """Give the groups of each user in the store, where there is one.

    Raises
    ------
    StartError
        The server would not start: the store cannot be used, or what it needs is not installed.
    """
    settings = configured.extension.accounts_settings
    if not settings.enabled:
        return {}
    try:
        from jupyter_authz.accounts import snapshot  # noqa: PLC0415 - an extra
        from jupyter_authz.accounts.store import Store  # noqa: PLC0415
    except ImportError as error:
        raise StartError(f"accounts are not installed: expected `{INSTALL}`: {error}") from None
    store = Store(settings.url)
    try:
        people = snapshot.read(store).people if store.is_there() else {}
    except StoreError as error:
        raise StartError(str(error)) from None
    finally:
        store.close()
    return {name: person.groups for name, person in people.items()}


def all_memberships(
    provider: IdentityProvider,
    configured: Mapping[str, Sequence[str]],
    stored: Mapping[str, Sequence[str]],
) -> Mapping[str, Sequence[str]]:
    """Give the groups of each user, from `c.JupyterAuthz.groups`, accounts and the store.

    Parameters
    ----------
    provider
        Whose accounts are known if it is this package's.
    configured
        From username to groups, as `read_memberships` gives them.
    stored
        Of the store.
    """
    found = dict(configured)
    for name, groups in stored.items():
        found[name] = (*found.get(name, ()), *groups)
    if isinstance(provider, AccountsIdentityProvider):
        for name, account in provider.accounts.accounts.items():
            found[name] = (*found.get(name, ()), *account.groups)
    return found


def people_findings(
    provider: IdentityProvider, roles: Sequence[Role], configured: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """Warn of roles for people who are never there.

    Parameters
    ----------
    provider
        The server's identity provider.
    roles
        Of the policy.
    configured
        As in `all_memberships`.
    """
    if makes_up_users(provider):
        named = [role.name for role in roles if role.groups or set(role.users) - {EVERYBODY}]
        if named:
            yield Finding(
                "made-up-users",
                f"the roles {listed([repr(name) for name in named])} name users or groups, but "
                f"{type(provider).__name__} makes up a random user at each sign-in, whom they "
                "will never match: set c.ServerApp.identity_provider_class = "
                "'jupyter_authz.AccountsIdentityProvider', or run the server under JupyterHub",
            )
    elif isinstance(provider, AccountsIdentityProvider):
        yield from _account_findings(provider.accounts, roles, configured)


def _account_findings(
    index: AccountIndex, roles: Sequence[Role], configured: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    users = set(index.accounts)
    groups = {
        above
        for some in (*configured.values(), *(a.groups for a in index.accounts.values()))
        for group in some
        for above in lineage(group)
    }
    for role in roles:
        where = f"role {role.name!r}"
        yield from _unknown(where, "user", set(role.users) - {EVERYBODY}, users)
        yield from _unknown(where, "group", role.groups, groups)
    yield from _unknown("c.JupyterAuthz.groups", "user", configured, users)
    owners = {id(account) for account in index.tokens.values()}
    owners |= {id(account) for _, account in index.slow_tokens}
    closed = [
        repr(name)
        for name, account in index.accounts.items()
        if account.hashed_password is None and id(account) not in owners
    ]
    if closed:
        yield Finding(
            "accounts-without-credentials",
            f"nobody can sign in as {listed(closed)}: give the account a 'hashed_password' or "
            "'hashed_tokens', or take it out",
        )


def _unknown(where: str, kind: str, named: Iterable[str], known: set[str]) -> Iterator[Finding]:
    for name in sorted(set(named) - known):
        close: list[Any] = get_close_matches(name, sorted(known), n=1)
        hint = f": did you mean {close[0]!r}?" if close else "; add one, or take it out"
        lacks = "account has that name" if kind == "user" else "account is in it or below it"
        yield Finding(f"unknown-{kind}", f"{where} names the {kind} {name!r}, but no {lacks}{hint}")
