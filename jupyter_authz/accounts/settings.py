"""The settings of accounts, `c.Accounts`: whether there is a store, where, and what people may do.

At the edge, beside `app.py`: traitlets end here. Needs nothing that comes with the extra, so that
the settings can be listed where it is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Enum, Float, Integer, List, TraitError, Unicode, default, validate
from traitlets.config import LoggingConfigurable

# What may be done over REST and on pages, by name.
OFFERS = (
    "register",
    "login",
    "logout",
    "request_reset_password",
    "reset_password",
    "verify_email",
    "profile",
    "change_password",
    "change_email",
    "tokens",
)

_HOUR = 60 * 60
_DAY = 24 * _HOUR


class Accounts(LoggingConfigurable):
    """People who are managed while the server runs.

    Needs `pip install "jupyter_authz[accounts]"`. People sign in with
    `c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"`; with another
    identity provider the groups, grants and blocks of the store count for whom that one knows.
    """

    enabled = Bool(
        help="""
        Whether people, groups and grants are kept in a store, beside those of the configuration.

        Example:

            c.Accounts.enabled = True
        """,
    ).tag(config=True)

    url = Unicode(
        help="""
        Where they are kept: a database, as SQLAlchemy writes its URL. By default a SQLite file of
        this server's user, `authz/accounts.db` in Jupyter's data directory. Several servers may
        share one.

        Example:

            c.Accounts.url = "postgresql+psycopg://jupyter@db.example.org/jupyter"
        """,
    ).tag(config=True)

    offers = List(
        trait=Enum(OFFERS),
        default_value=[one for one in OFFERS if one != "register"],
        help=f"""
        What people may do by themselves, over REST and on pages: {", ".join(OFFERS)}. By default
        all but `register`.

        Example:

            c.Accounts.offers = ["login", "logout", "profile", "change_password", "tokens"]
        """,
    ).tag(config=True)

    needs_verification = Bool(
        True,  # noqa: FBT003 - a trait takes its default so
        help="""
        Whether who registers must show that the address is theirs, by a link that is sent to it.
        Without that, whoever tries to register with an address learns whether it has an account.

        Example:

            c.Accounts.needs_verification = False
        """,
    ).tag(config=True)

    needs_approval = Bool(
        True,  # noqa: FBT003
        help="""
        Whether who registers may sign in only when an administrator has agreed.

        Example:

            c.Accounts.needs_approval = False
        """,
    ).tag(config=True)

    shortest_password = Integer(
        10,
        min=1,
        max=200,
        help="""
        How many characters a password must have at least.

        Example:

            c.Accounts.shortest_password = 12
        """,
    ).tag(config=True)

    idle_limit = Integer(
        7 * _DAY,
        min=60,
        help="""
        After how many seconds without a request somebody has to sign in again.

        Example:

            c.Accounts.idle_limit = 8 * 60 * 60
        """,
    ).tag(config=True)

    absolute_limit = Integer(
        30 * _DAY,
        min=60,
        help="""
        After how many seconds somebody has to sign in again, whatever they do.

        Example:

            c.Accounts.absolute_limit = 24 * 60 * 60
        """,
    ).tag(config=True)

    reset_limit = Integer(
        _HOUR,
        min=60,
        help="""
        For how many seconds a link to set a password again is good.

        Example:

            c.Accounts.reset_limit = 15 * 60
        """,
    ).tag(config=True)

    link_limit = Integer(
        3 * _DAY,
        min=60,
        help="""
        For how many seconds other links are good: those of invitations and to verify an address.

        Example:

            c.Accounts.link_limit = 24 * 60 * 60
        """,
    ).tag(config=True)

    token_limit = Integer(
        365 * _DAY,
        min=0,
        help="""
        After how many seconds a token ends at the latest; with 0 a token may be made that never
        ends.

        Example:

            c.Accounts.token_limit = 30 * 24 * 60 * 60
        """,
    ).tag(config=True)

    guests = Bool(
        help="""
        Whether visitors who are not signed in are let in as a guest, who may do what roles for
        the group `guest` allow, and nothing else.

        Example:

            c.Accounts.guests = True
        """,
    ).tag(config=True)

    outlast = Float(
        300,
        min=0,
        help="""
        For how many seconds people who are signed in go on while the store cannot be reached.

        Example:

            c.Accounts.outlast = 3600
        """,
    ).tag(config=True)

    public_url = Unicode(
        help="""
        How people reach this server, for links in mails. By default what the server itself shows
        when it starts.

        Example:

            c.Accounts.public_url = "https://jupyter.example.org/"
        """,
    ).tag(config=True)

    mail_server = Unicode(
        help="""
        The SMTP server that sends mails, as host or host:port. Where there is none, mails are
        written to the server's log, for whoever runs it to pass them on.

        Example:

            c.Accounts.mail_server = "mail.example.org:587"
        """,
    ).tag(config=True)

    mail_security = Enum(
        ["starttls", "tls", "none"],
        default_value="starttls",
        help="""
        How the connection to the SMTP server is secured.

        Example:

            c.Accounts.mail_security = "tls"
        """,
    ).tag(config=True)

    mail_from = Unicode(
        "jupyter@localhost",
        help="""
        The address that mails come from.

        Example:

            c.Accounts.mail_from = "Jupyter <jupyter@example.org>"
        """,
    ).tag(config=True)

    mail_username = Unicode(
        help="""
        The name with which to sign in to the SMTP server; nothing is no sign-in.

        Example:

            c.Accounts.mail_username = "jupyter"
        """,
    ).tag(config=True)

    mail_password_file = Unicode(
        help="""
        The file that has the password for it in its first line.

        Example:

            c.Accounts.mail_password_file = "/etc/jupyter/mail-password"
        """,
    ).tag(config=True)

    mailer = Unicode(
        help="""
        The import string of a function that sends a mail instead, called in a thread with
        `to`, `subject` and `text` by name.

        Example:

            c.Accounts.mailer = "lab.mail.send"
        """,
    ).tag(config=True)

    @default("url")
    def _default_url(self) -> str:
        return f"sqlite:///{Path(jupyter_data_dir(), 'authz', 'accounts.db').as_posix()}"

    @validate("public_url")
    def _whole_url(self, proposal: Any) -> str:
        url: str = proposal["value"]
        if url and not url.startswith(("http://", "https://")):
            raise TraitError(
                f"c.Accounts.public_url: expected a URL that begins with http:// or https://, "
                f"got {url!r}"
            )
        return url

    @validate("mail_server")
    def _host_and_port(self, proposal: Any) -> str:
        server: str = proposal["value"]
        host, colon, port = server.partition(":")
        if server and (not host or (colon and not port.isdecimal())):
            raise TraitError(f"c.Accounts.mail_server: expected host or host:port, got {server!r}")
        return server

    @property
    def file(self) -> str | None:
        """The SQLite file that the store is, where it is one; told without what the extra has."""
        path = self.url.partition(":///")[2].partition("?")[0]
        return path if self.enabled and self.url.startswith("sqlite") and path else None

    def may(self, offer: str) -> bool:
        """Whether something is offered, by one of the names in `OFFERS`."""
        return offer in self.offers
