"""`jupyter authz`: commands, help and version."""

from __future__ import annotations

import jupyter_authz


def test_without_a_command(authz):
    """Without a command the help is printed, and the status is not 0."""
    result = authz()
    assert result.status == 1
    assert "check\n    Check the configuration" in result.out
    assert "routes\n    Show every route" in result.out
    assert "user\n    People: make, list" in result.out


def test_unknown_command(authz):
    """A command that does not exist is answered with one that does."""
    assert authz("chek").status == (
        "jupyter authz: unknown command 'chek', expected 'check' or 'demo' or 'grant' or "
        "'grants' or 'group' or 'init' or 'reload' or 'revoke' or 'routes' or 'token' or 'user' "
        "(did you mean 'check'?)"
    )


def test_version(authz):
    """`--version` is that of the package."""
    for arguments in (["--version"], ["check", "--version"]):
        assert authz(*arguments).out.strip() == jupyter_authz.__version__


def test_help(authz):
    """`--help` of each command lists its options and exit status."""
    check, routes = authz("check", "--help"), authz("routes", "--help")
    assert (check.status, routes.status) == (0, 0)
    for option in ("--json", "--config=", "--debug"):
        assert option in check.out
        assert option in routes.out
    assert "--strict" in check.out
    assert "Exit status:\n\n  0  valid" in check.out
    assert "--unclassified" in routes.out
    assert "while the server runs" in " ".join(routes.out.split())


def test_help_shows_every_setting_with_an_example(authz):
    """`--help-all` lists each setting of the extension and how it is written."""
    text = authz("--help-all").out
    for name in ("roles", "base_permissions", "groups", "resources", "denied_status"):
        setting = text.partition(f"--JupyterAuthz.{name}=")[2].partition("\n--")[0]
        assert f"c.JupyterAuthz.{name} =" in setting
    assert "--AccountsIdentityProvider.users=" in text
