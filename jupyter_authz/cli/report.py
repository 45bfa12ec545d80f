"""The report of `jupyter authz check`, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from jupyter_authz.cli.execution import Execution
from jupyter_authz.cli.findings import Finding, listed, wrapped
from jupyter_authz.cli.people import all_memberships, people_findings, stored_memberships
from jupyter_authz.cli.policy_files import is_checked_as_root, served_findings, writable_findings
from jupyter_authz.cli.settings import accounts_findings, settings_findings
from jupyter_authz.cli.sources import COMMAND_LINE, Source, origin_of_role, replaced_by
from jupyter_authz.cli.targets import target_findings
from jupyter_authz.guard import hook
from jupyter_authz.guard.authorizer import PolicyAuthorizer
from jupyter_authz.policy.roles import read_memberships

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jupyter_authz.cli.server import Configured, StartError

_NONE = "none (c.JupyterAuthz.roles is None)"
_OFF = "off (c.JupyterAuthz.roles is None)"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a file sets in our section.

    Parameters
    ----------
    trait
        Its name.
    replaced_by
        What replaces it later on, if anything does.
    """

    trait: str
    replaced_by: str | None


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file, or the command line, and what it sets in our section."""

    path: str
    sets: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class RoleEntry:
    """A role as in the policy, with the file it came from."""

    name: str
    description: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    file: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that `check` tells."""

    error: StartError | None = None
    files: tuple[File, ...] = ()
    policy: str | None = None
    roles: tuple[RoleEntry, ...] = ()
    identity_provider: str | None = None
    callback: str | None = None
    hook: str | None = None
    denied_template: str | None = None
    warnings: tuple[Finding, ...] = ()
    hints: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give the report as the help of `check` documents it."""
        if self.error is None:
            return {"valid": True, **asdict(self)}
        error = {
            "message": str(self.error),
            "file": self.error.origin,
            "role": self.error.role,
        }
        names = [one.name for one in fields(self) if one.name != "error"]
        return {"valid": False, "error": error, **dict.fromkeys(names)}


def report_of(configured: Configured) -> Report:
    """Make the report of a valid configuration."""
    server, extension, sources = configured.server, configured.extension, configured.sources
    policy, replaced = configured.guard.policy, hook.replaced()
    callback = configured.guard.callback
    provider = type(server.identity_provider)
    return Report(
        files=_files(sources),
        policy="on" if extension.has_roles else "off",
        # The base permissions, which come first, are no role from a file.
        roles=()
        if policy is None or not extension.has_roles
        else tuple(
            RoleEntry(
                role.name,
                role.description,
                role.users,
                role.groups,
                tuple(permission.text for permission in role.allow),
                tuple(permission.text for permission in role.deny),
                origin_of_role(written, sources),
            )
            for role, written in zip(policy.roles[1:], extension.roles, strict=True)
        ),
        identity_provider=f"{provider.__module__}.{provider.__qualname__}",
        callback=None if callback is None else hook.located(callback.function),
        hook=None if replaced is None else hook.located(replaced),
        denied_template=extension.denied_template or None,
        warnings=tuple(_warnings(configured, stored_memberships(configured))),
        hints=tuple(_hints(configured)),
    )


def _files(sources: Sequence[Source]) -> tuple[File, ...]:
    return tuple(
        File(
            source.origin,
            tuple(Setting(trait, replaced_by(number, trait, sources)) for trait in source.settings),
        )
        for number, source in enumerate(sources)
        if source.settings or source.origin != COMMAND_LINE
    )


def _warnings(configured: Configured, stored: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    server, sources = configured.server, configured.sources
    policy = configured.guard.policy
    yield from settings_findings(server, sources)
    yield from accounts_findings(configured.extension.accounts_settings, sources)
    if configured.guard.has_no_party:
        yield Finding(
            "no-policy",
            "there is no policy, no hook and no callback, so every signed-in user may do "
            "everything: set c.JupyterAuthz.roles",
        )
    others = configured.extension.files_that_decide()
    who = ""
    people: Iterable[Finding] = ()
    if policy is not None and configured.extension.has_roles:
        provider = server.identity_provider
        memberships = read_memberships(configured.extension.groups)
        execution = Execution(policy.roles, all_memberships(provider, memberships, stored))
        yield from execution.findings()
        base_url = server.web_app.settings["base_url"]
        yield from target_findings(policy.roles[1:], configured.guard.routes, base_url)
        running = [repr(name) for name in execution.runs]
        who = f"role{'' if len(running) == 1 else 's'} {listed(running)}" if running else ""
        if not configured.extension.accounts_settings.enabled:
            # In a store people come and go, and roles are there before them.
            people = people_findings(provider, policy.roles, memberships)
    elif configured.guard.callback is not None:
        who = "all whom the callback lets in"
    yield from writable_findings(server, sources, who, others)
    if not configured.guard.has_no_party:
        yield from served_findings(server, sources, others)
    yield from people


def _hints(configured: Configured) -> Iterator[Finding]:
    server = configured.server
    if not issubclass(server.authorizer_class, PolicyAuthorizer):
        yield Finding(
            "authorizer",
            "set c.ServerApp.authorizer_class = 'jupyter_authz.PolicyAuthorizer' so that a server "
            "in which the extension is disabled does not start",
        )
    if is_checked_as_root(server):
        yield Finding(
            "checked-as-root",
            "root can write every file: run this as the user of the server to learn which files "
            "of the policy that user could change",
        )
    if configured.extension.has_roles:
        yield Finding(
            "runtime-directory",
            f"whoever runs code can read and write {server.runtime_dir}, where the server keeps "
            "the keys of all kernels, and can read the cookie secret",
        )


def text_of(report: Report, verbose: bool) -> str:  # noqa: FBT001 - as the option
    """Give the report of a valid configuration for people.

    Parameters
    ----------
    report
        Of a valid configuration.
    verbose
        Whether permissions and hints are in it.
    """
    lines = ["Configuration, what comes later counts more:"]
    for file in report.files:
        lines.append(f"  {file.path}")
        for setting in file.sets:
            replaced = f", replaced by {setting.replaced_by}" if setting.replaced_by else ""
            lines.append(f"    c.JupyterAuthz.{setting.trait}{replaced}")
    if not report.files:
        lines.append("  no configuration file")
    lines += ["", f"Identity provider: {report.identity_provider}"]
    roles = len(report.roles)
    state = _OFF if report.policy == "off" else f"{roles} role{'' if roles == 1 else 's'}"
    alone = [name for name in ("callback", "hook") if getattr(report, name) is not None]
    if report.policy == "off" and alone:
        decides = "decides" if len(alone) == 1 else "decide"
        state = f"{_NONE}, so that the {' and the '.join(alone)} {decides} alone"
    lines += [f"Callback: {report.callback or 'none'}", f"Policy: {state}"]
    lines += [f"Hook: {report.hook or 'none'}"]
    if report.denied_template is not None:
        lines.append(f"Page for who is not let in: {report.denied_template}")
    for role in report.roles:
        lines += _role_lines(role, verbose=verbose)
    lines += _finding_lines("Warning", report.warnings)
    if verbose:
        lines += _finding_lines("Hint", report.hints)
    count = len(report.warnings)
    lines += ["", f"Valid, {count or 'no'} warning{'' if count == 1 else 's'}."]
    return "\n".join(lines)


def _role_lines(role: RoleEntry, *, verbose: bool) -> Iterator[str]:
    yield f"  {role.name}, from {role.file or 'no file: set by code'}"
    if verbose:
        for name in ("users", "groups", "allow", "deny"):
            values = getattr(role, name)
            if values:
                text = ", ".join(values)
                yield wrapped(f"    {name}: {text}", indent=" " * 6)


def _finding_lines(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        end = "" if finding.message.endswith("?") else "."
        yield ""
        yield wrapped(f"{title}: {finding.message}{end}", indent="  ")
