"""The extension: its traits, and the wiring of all parts. Nothing else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Any as Anything
from traitlets import Bool, Dict, Enum, List, TraitError, Unicode, validate
from traitlets.config import Application

from jupyter_authz import configuration, server_files
from jupyter_authz.accounts.settings import Accounts
from jupyter_authz.audit.record import Recorder
from jupyter_authz.errors import AuthzError, ConfigurationError
from jupyter_authz.guard import hook
from jupyter_authz.guard.authorizer import PolicyAuthorizer
from jupyter_authz.guard.callback import read_callback
from jupyter_authz.guard.denied import DeniedPage, read_template, template_files
from jupyter_authz.guard.frontends import offer_what_is_allowed
from jupyter_authz.guard.http import Guard
from jupyter_authz.guard.trust import sign_for_each_user
from jupyter_authz.identity import AccountsIdentityProvider
from jupyter_authz.policy.base import BASE_PERMISSIONS
from jupyter_authz.policy.closed import Closed
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.filesystem import is_case_insensitive
from jupyter_authz.policy.garbage import keep_from_collection
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import (
    read_base_permissions,
    read_everything,
    read_limits,
    read_memberships,
    read_roles,
)
from jupyter_authz.reload import Reload
from jupyter_authz.resources.links import note_own_files
from jupyter_authz.resources.registry import read_resources, table_of
from jupyter_authz.resources.started import note_starts
from jupyter_authz.resources.types import EXTENSION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_server.serverapp import ServerApp

    from jupyter_authz.accounts.live import Live

hook.install()


class RoleList(List):  # type: ignore[type-arg]  # in older traitlets it takes none
    """A list that is None by default, and says so in the help."""

    def default_value_repr(self) -> str:
        """Give the default as the help shows it."""
        return "None"


class JupyterAuthz(ExtensionApp):
    """Authorization for a shared server: one policy for every request and every websocket."""

    name = "jupyter_authz"

    roles: List[list[Any]] = RoleList(
        allow_none=True,
        default_value=None,
        help="""
        The policy: a list of roles, each a dict with the keys `name`, `description`, `users`,
        `groups`, `allow` and `deny`. None, the default, is off: every signed-in user may do
        everything. An empty list is a policy: nobody may do anything beyond `base_permissions`.

        Example:

            c.JupyterAuthz.roles = [
                {
                    "name": "team",
                    "groups": ["team"],
                    "allow": [
                        "read,write:contents!path={group}/**",
                        "execute:compute!path={group}/**",
                    ],
                    "deny": ["write:contents!path={group}/archive/**"],
                },
                {"name": "everyone", "users": ["*"], "allow": ["read:contents!path=welcome/**"]},
            ]
        """,
    ).tag(config=True)

    base_permissions = List(
        default_value=list(BASE_PERMISSIONS),
        help="""
        What every signed-in user may do under any policy: what a working front end needs. Denies
        of roles count against it as against any role.

        Example:

            c.JupyterAuthz.base_permissions = ["read:ui,settings,workspaces,translations"]
        """,
    ).tag(config=True)

    groups = Dict(
        help="""
        Members of groups, added to the groups that the identity provider knows.

        Example:

            c.JupyterAuthz.groups = {"manager": ["ann"], "team/finance": ["cy"]}
        """,
    ).tag(config=True)

    resources = Dict(
        help="""
        What the handlers of other packages ask: from `package.module.Handler` to a dict with
        `type`, a resource type, and optionally `path`, `url` or `name`, the name or number of the
        group of the URL pattern that holds it, and `actions`, from verb (`WS` for websockets) to
        an action or a list of them.

        Example:

            c.JupyterAuthz.resources = {
                "reports.handlers.ReportHandler": {
                    "type": "contents",
                    "path": "path",
                    "actions": {"POST": "read"},
                },
            }
        """,
    ).tag(config=True)

    denied_status = Enum(
        [403, 401],
        default_value=403,
        help="""
        HTTP status of denied requests.

        Example:

            c.JupyterAuthz.denied_status = 401
        """,
    ).tag(config=True)

    hide_unreadable = Bool(
        help="""
        Whether what somebody may not read answers 404, as if it were not there: files, kernels,
        sessions, terminals.

        Example:

            c.JupyterAuthz.hide_unreadable = True
        """,
    ).tag(config=True)

    authorize_callback = Anything(
        help="""
        A function, or its import string, that is asked about every request before the policy is,
        with a dict about the user (`username`, `name`, `groups` and whatever the identity token
        claims) and, if it takes two arguments, the path below the base URL. True lets the request
        go on, False denies it, and a path leads whoever looks at a page there. It may be a
        coroutine.

        Example:

            c.JupyterAuthz.authorize_callback = "reports.access.authorize"
        """,
    ).tag(config=True)

    denied_template = Unicode(
        help="""
        A Jinja2 file for the page that people get who are not let in. It is given `title`,
        `error_type`, `error`, `error_msg`, `status`, `user`, `action`, `resource`, `path`,
        `decision` (the number under which the log explains it), `base_url`, `sign_out`, `account`
        and `ask_for_access` (addresses, where there is one), and may extend `authz/denied.html` or
        `authz/base.html`. A path that is not absolute begins where the server is started.

        Example:

            c.JupyterAuthz.denied_template = "/etc/jupyter/denied.html"
        """,
    ).tag(config=True)

    ask_for_access = Unicode(
        help="""
        Where people ask for access who are not let in: an address that begins with `https://`,
        `http://` or `mailto:`, or a path below the base URL that begins with `/`. The page that
        says so leads there.

        Example:

            c.JupyterAuthz.ask_for_access = "mailto:lab@example.org?subject=Access"
        """,
    ).tag(config=True)

    # What commands look at is never opened: where there is no store yet, none is made.
    opens_store = True

    guard: Guard | None = None
    _reload: Reload | None = None
    _live: Live | None = None

    def _config_file_name_default(self) -> str:
        # By its name it would be jupyter_jupyter_authz_config.
        return configuration.FILE_NAME

    def load_config_file(  # type: ignore[override]  # as in jupyter_core
        self,
        suppress_errors: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        """Read the extension's own file, also beside the one named on the command line."""
        super().load_config_file(suppress_errors)
        assert self.serverapp is not None
        for directory in configuration.beside(self.serverapp):
            Application.load_config_file(self, configuration.FILE_NAME, str(directory))

    def _link_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        # INVARIANT: Jupyter Server goes on without an extension that raises; so does not this one.
        # tests/guard/test_install.py::test_a_guard_that_cannot_be_installed_stops_the_server
        self._or_stop(self._link, serverapp)

    def _or_stop(self, step: Callable[..., None], *args: Any) -> None:
        """Take a step of starting, or stop the server with one clear message."""
        try:
            step(*args)
        except AuthzError as error:
            self.log.critical("jupyter_authz | %s", self._with_origin(str(error)))
            self.log.critical("jupyter_authz | The server does not start.")
            raise SystemExit(1) from error
        except Exception as error:
            self.log.critical(
                "jupyter_authz | The guard could not be installed: %s", error, exc_info=True
            )
            self.log.critical("jupyter_authz | The server does not start.")
            raise SystemExit(1) from error

    def _with_origin(self, message: str) -> str:
        """Give an error with the file, or the command line, that it is about, where one is."""
        from jupyter_authz.cli.sources import locate, sources_of  # noqa: PLC0415 - for errors only

        try:
            assert self.serverapp is not None
            origin, _ = locate(message, sources_of(self.serverapp))
        except Exception:  # noqa: BLE001 - the error itself is what counts
            return message
        return message if origin is None or origin in message else f"{origin}: {message}"

    def _link(self, serverapp: ServerApp) -> None:
        super()._link_jupyter_server_extension(serverapp)
        self.check_configuration()
        start_loop = serverapp.start_ioloop

        def start_loop_and_begin() -> None:
            serverapp.io_loop.add_callback(self._begin)
            start_loop()

        # Not every version tells its extensions that it has started.
        serverapp.start_ioloop = start_loop_and_begin  # type: ignore[method-assign]
        if getattr(serverapp, "web_app", None) is not None:
            # Linked late, to a server that is there already.
            self._install()
            self._enforce()
            return
        # The guard stands before the first route of an extension, and the policy is read when
        # all have told which resource types they have.
        init_webapp, load_extensions = serverapp.init_webapp, serverapp.load_server_extensions

        def init_webapp_guarded() -> None:
            init_webapp()
            self._or_stop(self._install)

        def load_extensions_and_enforce() -> None:
            load_extensions()
            self._or_stop(self._enforce)

        serverapp.init_webapp = init_webapp_guarded  # type: ignore[method-assign]
        serverapp.load_server_extensions = load_extensions_and_enforce  # type: ignore[method-assign]

    def check_configuration(self) -> None:
        """Check that the configuration was read as it was written.

        Raises
        ------
        ConfigurationError
            It was not.
        """
        assert self.serverapp is not None
        loaded = [*self.serverapp.loaded_config_files, *self.loaded_config_files]
        configuration.require_all_read(self.serverapp, loaded)
        traits = set(self.class_trait_names(config=True))
        configuration.check_sections(self.serverapp.config, traits)
        configuration.check_sections(self.config, traits)
        own = set(self.class_own_traits(config=True))
        configuration.require_inside(self.serverapp.config, own)
        configuration.require_inside(self.config, own)
        configuration.check_traits(
            self.config, Accounts.__name__, set(Accounts.class_trait_names(config=True))
        )
        roles = configuration.appended(self.config, "roles")
        if roles is not None:
            self.roles = roles
        if self.roles is None:
            configuration.require_read(self.config, "roles")

    def _install(self) -> None:
        """Put the guard before the web application."""
        assert self.serverapp is not None
        configuration.require_none_elsewhere(self._files_of_others())
        additions = read_resources(self.resources)
        self.guard = Guard(
            self.serverapp.web_app,
            table_of(additions),
            Recorder(self.log),
            self.log,
            denied_status=self.denied_status,
            hide_unreadable=self.hide_unreadable,
        )
        self.guard.install()

    def _files_of_others(self) -> list[str]:
        """Give the configuration files that only other extensions have read."""
        assert self.serverapp is not None
        own = {*self.serverapp.loaded_config_files, *self.loaded_config_files}
        apps = self.serverapp.extension_manager.extension_apps.values()
        read = (path for some in apps for app in some for path in app.loaded_config_files)
        return [path for path in dict.fromkeys(read) if path not in own]

    def _enforce(self) -> None:
        """Read the policy and open the doors to those it lets in."""
        assert self.serverapp is not None
        assert self.guard is not None
        hook.require_callable()
        policy = self.read_policy()
        self._open_accounts()
        self.guard.memberships = read_memberships(self.groups)
        self.guard.callback = read_callback(self.authorize_callback)
        self.guard.denied_page = self.read_denied_page()
        if self.accounts_settings.enabled and self.accounts_settings.guests and policy is None:
            # INVARIANT: nobody may do everything without signing in.
            # tests/accounts/test_rest.py::test_guests_need_somebody_who_decides
            raise ConfigurationError(
                "c.Accounts.guests: expected c.JupyterAuthz.roles, which say what guests may do"
            )
        self.guard.enforce(policy)
        self._install_authorizer()
        noted = note_starts(self.serverapp.web_app.settings)
        offer_what_is_allowed(self.serverapp.web_app.settings, self.guard)
        revise = self.guard.connections.revise_soon
        noted.on_move = partial(revise, asks_hook=False)
        if isinstance(self.serverapp.identity_provider, AccountsIdentityProvider):
            self.serverapp.identity_provider.observe(lambda _: revise(), "users")
        if not self.guard.has_no_party:
            self.guard.way.require_tornados_way()
            sign_for_each_user(self.serverapp.contents_manager)
            configuration.keep_templates_from_contents(self.serverapp.web_app.settings["config"])
        self.guard.ready = True
        self._log_state()

    @property
    def has_roles(self) -> bool:
        """Whether there are roles, be it none of them; otherwise a hook or callback decides."""
        return self.roles is not None

    @property
    def accounts_settings(self) -> Accounts:
        """The settings of accounts, as configured."""
        return Accounts(parent=self)

    def _open_accounts(self) -> None:
        assert self.serverapp is not None
        assert self.guard is not None
        settings = self.accounts_settings
        if not settings.enabled or not self.opens_store:
            return
        try:
            from jupyter_authz.accounts.opening import open_accounts  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ConfigurationError(
                "c.Accounts.enabled: expected what accounts need to be installed, with "
                f'`pip install "jupyter_authz[accounts]"`: {error}'
            ) from error
        self._live = open_accounts(self.serverapp, self.guard, settings)

    def read_policy(self) -> Policy | None:
        """Read, check and compile the policy.

        Returns
        -------
        Policy or None
            None where nobody is asked. Where there are no roles, and a hook or callback alone
            decides, a policy that lets everybody do what is not the server's own.

        Raises
        ------
        PolicyError
            Something in it is wrong.
        """
        assert self.serverapp is not None
        assert self.guard is not None
        memberships = read_memberships(self.groups)
        routes = self.guard.routes
        grammar = Grammar(
            {
                # Handlers that their own package put into Jupyter's scheme bring types of theirs.
                **{
                    route.row.type: ()
                    for route in routes.all()
                    if not route.row.public and not route.row.type.startswith(EXTENSION_PREFIX)
                },
                **routes.table.types,
            }
        )
        roles = [read_base_permissions(self.base_permissions, grammar)]
        if self.has_roles:
            are_given = self.accounts_settings.enabled
            roles += read_roles(self.roles, grammar, are_given=are_given)
        elif read_callback(self.authorize_callback) is None and hook.replaced() is None:
            return None
        else:
            # INVARIANT: tests/guard/test_closed.py::test_nobody_is_let_at_the_files_of_the_server
            # tests/accounts/test_rest.py::test_guests_of_a_callback
            roles = [*read_everything(grammar)]
        return Policy(
            roles,
            memberships,
            takes_any_name=not self.has_roles,
            case_folded_denies=is_case_insensitive(self.serverapp.contents_manager),
            closed=self._closed(),
            read_limits=partial(read_limits, grammar=grammar),
        )

    def read_denied_page(self) -> DeniedPage:
        """Read the page for those who are not let in.

        Raises
        ------
        ConfigurationError
            There is no such template, or it is none.
        """
        return DeniedPage(read_template(self.denied_template), self.ask_for_access)

    @validate("ask_for_access")
    def _address(self, proposal: Any) -> str:
        address: str = proposal["value"]
        is_here = address.startswith("/") and not address.startswith(("//", "/\\"))
        if address and not is_here and not address.startswith(("https://", "http://", "mailto:")):
            raise TraitError(
                "c.JupyterAuthz.ask_for_access: expected an address that begins with https://, "
                f"http://, mailto: or /, got {address!r}"
            )
        return address

    def files_that_decide(self) -> list[str]:
        """Give the files of hook and callback, and of the template, which runs here, too."""
        callback = read_callback(self.authorize_callback)
        deciding = (hook.replaced(), None if callback is None else callback.function)
        found = [hook.file_of(function) for function in deciding if function is not None]
        return [*(file for file in found if file), *template_files(self.denied_template)]

    def _closed(self) -> Closed | None:
        """Give the files of the server, which contents may hold or have links to."""
        server = self.serverapp
        assert server is not None
        root = getattr(server.contents_manager, "root_dir", None)
        if not isinstance(root, str) or not root:
            return None
        files = [
            *server.loaded_config_files,
            *self.loaded_config_files,
            *self._files_of_others(),
        ]
        own = [self.accounts_settings.file, *self.files_that_decide()]
        closed = Closed(
            root,
            server_files.trees(server, files, own),
            server_files.searched(server, files),
        )
        note_own_files(server.contents_manager, closed)
        return closed

    def _install_authorizer(self) -> None:
        assert self.serverapp is not None
        settings = self.serverapp.web_app.settings
        previous = settings["authorizer"]
        settings["authorizer"] = PolicyAuthorizer(
            self.guard,
            parent=self.serverapp,
            identity_provider=self.serverapp.identity_provider,
            previous=None if isinstance(previous, PolicyAuthorizer) else previous,
        )

    def _begin(self) -> None:
        # Here, and not when it is read: now all is there that stays, the server listens already,
        # and a server that only a test has made never gets here.
        if self.guard is None or self.guard.is_transparent:
            # INVARIANT: nothing is different; SIGHUP ends the server, as without us.
            # tests/test_reload.py::test_without_a_policy_sighup_ends_the_server
            return
        self._reload = Reload(self)
        self._reload.listen()
        if self.guard.policy is not None:
            keep_from_collection()

    async def stop_extension(self) -> None:
        """Take away what was left for the command line."""
        if self._reload is not None:
            self._reload.forget()
        if self._live is not None:
            await self._live.stop()

    def _log_state(self) -> None:
        assert self.guard is not None
        replaced = hook.replaced()
        if self.has_roles:
            roles = len(self.roles)
            self.log.info("jupyter_authz | the policy guards every handler; roles: %d", roles)
        if replaced is not None:
            self.log.info(
                "jupyter_authz | the hook %s guards every handler", hook.describe(replaced)
            )
        if self.guard.callback is not None:
            self.log.info(
                "jupyter_authz | the callback %s is asked about every request",
                hook.describe(self.guard.callback.function),
            )
        if self.guard.has_no_party:
            self.log.warning(
                "jupyter_authz | no policy (c.JupyterAuthz.roles is None), hook or callback: every "
                "signed-in user may do everything, as without this extension"
            )
