"""Mails to people: by SMTP, by a function of the operator's, or into the server's log.

At the edge of accounts. Whoever has a mail sent neither waits for it nor learns whether it arrived.
"""

from __future__ import annotations

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from traitlets.utils.importstring import import_item

from jupyter_authz.errors import ConfigurationError

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_authz.accounts.settings import Accounts

_PATIENCE = 30  # seconds


class Mailer(Protocol):
    """Sends a mail; called in a thread."""

    def __call__(self, *, to: str, subject: str, text: str) -> object:
        """Send a mail."""


def mailer_of(settings: Accounts, log: Logger) -> Mailer:
    """Give what sends mails, as it is configured.

    Parameters
    ----------
    settings
        Of accounts.
    log
        Where mails are written to if there is nothing that sends them.

    Raises
    ------
    ConfigurationError
        The function does not exist, or the password of the SMTP server cannot be read.
    """
    if settings.mailer:
        try:
            found: Mailer = import_item(settings.mailer)
        except ImportError as error:
            raise ConfigurationError(
                f"c.Accounts.mailer: expected the import string of a function, such as "
                f"'lab.mail.send', got {settings.mailer!r}: {error}"
            ) from error
        if not callable(found):
            raise ConfigurationError(
                f"c.Accounts.mailer: expected a function, {settings.mailer!r} is {found!r}"
            )
        return found
    if settings.mail_server:
        return SmtpMailer(settings)
    return LogMailer(log)


class LogMailer:
    """Writes mails to the server's log, for whoever runs it to pass them on.

    Parameters
    ----------
    log
        Of the server.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log

    def __call__(self, *, to: str, subject: str, text: str) -> None:
        """Write a mail down."""
        self._log.warning(
            "jupyter_authz | no c.Accounts.mail_server, so this mail was not sent. To: %s. "
            "Subject: %s.\n%s",
            to,
            subject,
            text,
        )


class SmtpMailer:
    """Sends mails by an SMTP server.

    Parameters
    ----------
    settings
        Of accounts.

    Raises
    ------
    ConfigurationError
        The server is not named as host or host:port, or its password cannot be read.
    """

    def __init__(self, settings: Accounts) -> None:
        self._settings = settings
        host, _, port = settings.mail_server.partition(":")
        if not host or (port and not port.isdecimal()):
            raise ConfigurationError(
                f"c.Accounts.mail_server: expected host or host:port, got {settings.mail_server!r}"
            )
        defaults = {"starttls": 587, "tls": 465, "none": 25}
        self._host, self._port = host, int(port or defaults[settings.mail_security])
        self._password()

    def _password(self) -> str:
        name = self._settings.mail_password_file
        try:
            return Path(name).read_text(encoding="utf-8").partition("\n")[0] if name else ""
        except OSError as error:
            raise ConfigurationError(f"c.Accounts.mail_password_file: {error}") from error

    def __call__(self, *, to: str, subject: str, text: str) -> None:
        """Send a mail."""
        message = EmailMessage()
        message["From"] = self._settings.mail_from
        # INVARIANT: one mail is to one address, whatever that looks like.
        # tests/accounts/test_rest.py::test_an_address_is_one
        message["To"] = Address(addr_spec=to)
        message["Subject"] = subject
        # For programs that answer mails by themselves: not this one (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        security = self._settings.mail_security
        context = ssl.create_default_context()
        if security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_PATIENCE, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_PATIENCE)
        with server:
            if security == "starttls":
                server.starttls(context=context)
            if self._settings.mail_username:
                server.login(self._settings.mail_username, self._password())
            server.send_message(message, to_addrs=[to])
