"""Reload: reads the configuration again, and puts it in force as a whole or not at all.

Beside `app.py`, which wires it. What came of it is kept in a file beside the server's own, where
`jupyter authz reload` finds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from traitlets import TraitError

from jupyter_authz.accounts.settings import Accounts
from jupyter_authz.errors import AuthzError, ConfigurationError
from jupyter_authz.guard import hook
from jupyter_authz.guard.callback import read_callback
from jupyter_authz.identity import AccountsIdentityProvider
from jupyter_authz.policy.garbage import keep_from_collection
from jupyter_authz.policy.roles import read_memberships

if TYPE_CHECKING:
    from jupyter_authz.app import JupyterAuthz
    from jupyter_authz.policy.engine import Policy

# Windows has none.
HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)
# What is looked at only when the server starts.
_FIXED = ("resources",)
_READ_AGAIN = (
    "roles",
    "base_permissions",
    "groups",
    "denied_status",
    "hide_unreadable",
    "authorize_callback",
    "denied_template",
    "ask_for_access",
)
# With fewer rules than these, looking for garbage costs more at once than it saves later.
_MANY = 10_000
# Seconds: what a reload takes away is taken away first, as looking for garbage halts the server.
_LATER = 5


class Outcome(NamedTuple):
    """What came of the last reload.

    Parameters
    ----------
    number
        How often the configuration has been read again.
    valid
        Whether it was put in force.
    message
        For a person.
    """

    number: int
    valid: bool
    message: str


class Reload:
    """Reads the configuration of a running server again.

    Parameters
    ----------
    extension
        Of the server, its guard installed.
    """

    def __init__(self, extension: JupyterAuthz) -> None:
        assert extension.serverapp is not None
        self._extension = extension
        self._server = extension.serverapp
        self._outcome = Outcome(0, valid=True, message="the configuration of the start")
        self._running = asyncio.Lock()

    def listen(self) -> None:
        """Reload on SIGHUP from now on, where there is such a signal."""
        if HANG_UP is None:
            return
        loop = asyncio.get_running_loop()
        try:
            loop.add_signal_handler(HANG_UP, lambda: asyncio.ensure_future(self.reload()))
        except (NotImplementedError, RuntimeError, ValueError):
            # Not in the main thread, as in tests.
            return
        self._write()

    def forget(self) -> None:
        """Take away what `jupyter authz reload` looks for."""
        outcome_file(self._server.runtime_dir, os.getpid()).unlink(missing_ok=True)

    async def reload(self) -> Outcome:
        """Read the configuration again; put it in force if it is valid."""
        async with self._running:
            before = hook.current()
            log = self._extension.log
            try:
                # INVARIANT: while the files are run, which may put a hook in place, nobody is let
                # in. tests/test_reload.py::test_a_hook_of_an_invalid_one_is_not_kept
                extension, users = self._read()
                hook.require_callable()
                after = hook.current()
                setattr(JupyterHandler, hook.NAME, before)
                # In a thread: the server goes on serving.
                policy = await asyncio.to_thread(self._compiled, extension)
                setattr(JupyterHandler, hook.NAME, after)
                self._put_in_force(extension, policy, users)
            except (Exception, SystemExit) as error:
                # INVARIANT: an invalid configuration changes nothing.
                # tests/test_reload.py::test_an_invalid_one_changes_nothing
                setattr(JupyterHandler, hook.NAME, before)
                reason = _reason(error)
                message = f"the configuration was not read again, what was in force stays: {reason}"
                log.error("jupyter_authz | %s", message, exc_info=_unless_told(error))  # noqa: TRY400
                self._note(valid=False, message=message)
            else:
                rules = 0 if policy is None else _rules(policy)
                roles = len(extension.roles) if extension.has_roles else "none"
                message = f"the configuration has been read again; roles: {roles}"
                log.info("jupyter_authz | %s", message)
                self._note(valid=True, message=message)
                if rules > _MANY:
                    asyncio.get_running_loop().call_later(_LATER, keep_from_collection)
            return self._outcome

    def _read(self) -> tuple[JupyterAuthz, Any]:
        server = self._read_server()
        extension = type(self._extension)()
        extension.serverapp = server
        extension.log = self._extension.log
        extension.load_config_file()
        extension.update_config(server.config)
        extension.check_configuration()
        for name in _FIXED:
            if getattr(extension, name) != getattr(self._extension, name):
                raise ConfigurationError(
                    f"c.JupyterAuthz.{name} has changed: expected the server to be started again"
                )
        for name in Accounts.class_trait_names(config=True):
            now, then = extension.accounts_settings, self._extension.accounts_settings
            if getattr(now, name) != getattr(then, name):
                raise ConfigurationError(
                    f"c.Accounts.{name} has changed: expected the server to be started again"
                )
        return extension, self._read_users(server)

    def _compiled(self, extension: JupyterAuthz) -> Policy | None:
        extension.serverapp = self._server
        extension.guard = self._extension.guard
        policy = extension.read_policy()
        assert extension.guard is not None
        if self._extension.has_roles and not extension.has_roles:
            # INVARIANT: a reload never turns a policy off.
            # tests/test_reload.py::test_a_policy_is_never_turned_off
            raise ConfigurationError(
                "c.JupyterAuthz.roles is None, which would turn the policy off: expected roles"
            )
        # What is wrong with it is found before anything is put in force.
        extension.read_denied_page()
        if read_callback(extension.authorize_callback) is None and extension.guard.callback:
            # INVARIANT: nor a callback. tests/test_reload.py::test_a_callback_is_read_again
            raise ConfigurationError(
                "c.JupyterAuthz.authorize_callback is None, which would turn it off: expected a "
                "function"
            )
        return policy

    def _read_server(self) -> ServerApp:
        """Give a server that has read the files and the command line, and nothing else."""
        server = ServerApp(log=self._server.log)
        server.cli_config = self._server.cli_config
        server.update_config(self._server.cli_config)
        server.load_config_file(suppress_errors=False)
        return server

    def _read_users(self, server: ServerApp) -> Any:
        provider = self._server.identity_provider
        if not isinstance(provider, AccountsIdentityProvider):
            return None
        return type(provider)(config=server.config, log=provider.log).users

    def _put_in_force(self, extension: JupyterAuthz, policy: Policy | None, users: Any) -> None:
        guard = self._extension.guard
        assert guard is not None
        if users is not None:
            self._server.identity_provider.users = users  # type: ignore[attr-defined]
        for name in _READ_AGAIN:
            setattr(self._extension, name, getattr(extension, name))
        guard.denied_status = extension.denied_status
        guard.hide_unreadable = extension.hide_unreadable
        guard.memberships = read_memberships(extension.groups)
        guard.callback = read_callback(extension.authorize_callback)
        guard.denied_page = extension.read_denied_page()
        guard.enforce(policy)

    def _note(self, *, valid: bool, message: str) -> None:
        self._outcome = Outcome(self._outcome.number + 1, valid, message)
        self._write()

    def _write(self) -> None:
        path = outcome_file(self._server.runtime_dir, os.getpid())
        fresh = path.with_suffix(".new")
        try:
            fresh.touch(mode=0o600)
            fresh.write_text(json.dumps(self._outcome._asdict()), encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            self._extension.log.warning("jupyter_authz | cannot write %s: %s", path, error)


def _rules(policy: Policy) -> int:
    return sum(len(role.allow) + len(role.deny) for role in policy.roles)


def _reason(error: BaseException) -> str:
    """Give what an error says, or what traitlets said before it gave up."""
    told = error.__context__ if isinstance(error, SystemExit) else error
    return str(told or error)


def _unless_told(error: BaseException) -> BaseException | None:
    """Give an error whose message does not say all there is to say."""
    return None if isinstance(error, AuthzError | TraitError | SystemExit) else error


def outcome_file(runtime_dir: str, pid: int) -> Path:
    """Give the file in which a server says what came of its last reload.

    Not named as Jupyter Server's own are, among which it would be taken for a server.
    """
    return Path(runtime_dir) / f"authz-{pid}.json"
