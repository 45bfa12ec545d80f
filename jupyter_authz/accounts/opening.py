"""Opens the store of a server and puts its accounts in place; `app.py` calls it, nothing else does.

Right of everything that it wires: the store, identity, the guard and the handlers.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_server.utils import url_path_join

from jupyter_authz.accounts import admin_pages, pages, rest
from jupyter_authz.accounts.administrators import rights_of
from jupyter_authz.accounts.live import Live
from jupyter_authz.accounts.mail import mailer_of
from jupyter_authz.accounts.service import Service
from jupyter_authz.accounts.store import Store
from jupyter_authz.accounts.stored import StoreAccounts
from jupyter_authz.guard.frontends import PAGES
from jupyter_authz.identity import AccountsIdentityProvider
from jupyter_authz.identity.stored import SERVICE

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_authz.accounts.settings import Accounts
    from jupyter_authz.guard.http import Guard


def open_accounts(server: ServerApp, guard: Guard, settings: Accounts) -> Live:
    """Open the store, and have everything that asks about people ask it, too.

    Parameters
    ----------
    server
        Its web application and identity provider made.
    guard
        Installed.
    settings
        Of accounts.

    Raises
    ------
    AuthzError
        The store cannot be used or reached, or a setting is wrong.
    """
    mailer = mailer_of(settings, guard.log)
    store = Store(settings.url)
    store.open()
    live = Live(store, settings, guard.log)
    live.begin()
    guard.people = live.people
    live.on_change = lambda: guard.adopt(live.people)
    provider: Any = server.identity_provider
    with_accounts = provider if isinstance(provider, AccountsIdentityProvider) else None
    if with_accounts is not None:
        with_accounts.stored = StoreAccounts(live, guard.log)
    service = Service(live, with_accounts, mailer, guard)
    service.public_url = public_url_of(server, settings)
    web_app = server.web_app
    web_app.settings[SERVICE] = service
    # INVARIANT: the secrets of links are in no log.
    # tests/accounts/test_pages.py::test_no_link_is_logged
    scrubbed = web_app.settings.get("extra_log_scrub_param_keys") or ()
    web_app.settings["extra_log_scrub_param_keys"] = [*scrubbed, "link"]
    base = web_app.settings["base_url"]
    web_app.add_handlers(  # type: ignore[no-untyped-call]
        ".*$",
        [
            (url_path_join(base, path), handler)
            for path, handler in (*rest.ROUTES, *pages.ROUTES, *admin_pages.ROUTES)
        ],
    )
    web_app.settings[PAGES] = partial(_pages_for, service)
    server.io_loop.add_callback(live.watch)
    people = len(live.snapshot.people)
    guard.log.info("jupyter_authz | accounts are kept in %s; people: %d", store.name, people)
    return live


def _pages_for(service: Service, user: Any) -> dict[str, str]:
    """Give which pages about people are for somebody."""
    pages = {}
    if service.provider is not None and service.settings.may("profile"):
        pages["account"] = "authz/profile"
    if rights_of(service.guard.policy, user).is_any:
        pages["administration"] = "authz/admin"
    return pages if getattr(user, "kind", "user") == "user" else {}


def public_url_of(server: ServerApp, settings: Accounts) -> str:
    """Give where people reach a server, with a slash at its end."""
    # What the server shows leads to its first page, `/lab` say, and not to where all of it begins.
    shown = urlsplit(server.public_url)._replace(path=server.base_url, query="", fragment="")
    return settings.public_url or url_path_join(shown.geturl(), "/")
