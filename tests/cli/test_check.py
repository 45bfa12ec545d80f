"""`jupyter authz check`: what it tells about a configuration, and its exit status."""

from __future__ import annotations

import pytest
from jupyter_server.base.handlers import JupyterHandler

from jupyter_authz.accounts import people, tags
from jupyter_authz.accounts.store import Store
from jupyter_authz.guard import hook

ROLE = '{"name": "all", "users": ["*"], "allow": ["read:contents"]}'


def test_valid_configuration(authz, configure):
    """A valid policy has status 0, and the report names the file of each role."""
    path = configure(f"c.JupyterAuthz.roles = [{ROLE}]")
    result = authz("check")
    assert result.status == 0
    assert f"{path}\n    c.JupyterAuthz.roles\n" in result.out
    assert f"all, from {path}" in result.out
    assert "Identity provider: jupyter_server.auth.identity.PasswordIdentityProvider" in result.out
    assert "Policy: 1 role\nHook: none\n" in result.out
    assert result.out.endswith("Valid, no warnings.\n")


def test_json_has_the_documented_keys(authz, configure):
    """`--json` prints one object with the keys that the help documents."""
    path = configure(f"c.JupyterAuthz.roles = [{ROLE}]")
    report = authz("check", "--json").json
    assert report["valid"] is True
    assert report["error"] is None
    assert report["files"] == [
        {"path": path, "sets": [{"trait": "roles", "replaced_by": None}]},
    ]
    assert report["policy"] == "on"
    assert report["roles"] == [
        {
            "name": "all",
            "description": "",
            "users": ["*"],
            "groups": [],
            "allow": ["read:contents"],
            "deny": [],
            "file": path,
        }
    ]
    assert report["warnings"] == []
    documented = authz("check", "--help").out
    assert all(f"\n  {key} " in documented for key in report)


def test_without_a_policy(authz):
    """No policy is valid, but a warning."""
    assert "Policy: off (c.JupyterAuthz.roles is None)" in authz("check").out
    result = authz("check", "--json", "--strict")
    assert result.status == 2
    assert result.json["policy"] == "off"
    assert [w["code"] for w in result.json["warnings"]] == ["no-policy"]


def test_empty_policy_is_on(authz, configure):
    """An empty list is a policy."""
    configure("c.JupyterAuthz.roles = []")
    result = authz("check", "--json", "--strict")
    assert result.status == 0
    assert result.json["policy"] == "on"


def test_callback(authz, configure, tmp_path):
    """A callback is named, with its file, and so is the template; what is wrong with it, too."""
    template = tmp_path / "denied.html"
    template.write_text("{{ error_msg }}")
    path = configure(
        "def only_ann(user_info):\n"
        "    return user_info['username'] == 'ann'\n"
        "c.JupyterAuthz.authorize_callback = only_ann\n"
        f"c.JupyterAuthz.denied_template = {str(template)!r}\n"
    )
    result = authz("check")
    assert f"Callback: only_ann ({path}, line 1)\n" in result.out
    assert (
        "\nPolicy: none (c.JupyterAuthz.roles is None), so that the callback decides alone\n"
        in (result.out)
    )
    assert f"Page for who is not let in: {template}\n" in result.out
    report = authz("check", "--json").json
    assert report["callback"] == f"only_ann ({path}, line 1)"
    assert (report["denied_template"], report["warnings"]) == (str(template), [])
    configure("c.JupyterAuthz.authorize_callback = lambda: True")
    result = authz("check")
    assert result.status == 1
    assert "expected a function of (user_info) or (user_info, path), got <lambda>()" in result.err


def test_hook(authz, configure, monkeypatch):
    """A hook that a configuration file puts in place is named, with its file."""
    monkeypatch.setattr(JupyterHandler, hook.NAME, hook.user_is_authorized)
    path = configure(
        "from jupyter_server.base.handlers import JupyterHandler\n"
        "def only_ann(self, user, action, resource):\n"
        "    return user.username == 'ann'\n"
        "JupyterHandler.user_is_authorized = only_ann\n"
    )
    report = authz("check", "--json").json
    assert report["hook"] == f"only_ann ({path}, line 2)"
    assert report["warnings"] == []


@pytest.mark.parametrize(
    ("text", "message", "role"),
    [
        (
            'c.JupyterAuthz.roles = [{"name": "t", "users": ["*"], "allow": ["raed:contents"]}]',
            "role 't': allow 'raed:contents': unknown action 'raed'",
            "t",
        ),
        (
            'c.JupyterAuthz.roles = [{"name": "t", "users": ["*"], "alow": ["*"]}]',
            "role 't': unknown key 'alow'",
            "t",
        ),
        ('c.JupyterAuthz.roles = ["t"]', "role 1: expected a dict", None),
        ('c.JupyterAuthz.roles = {"name": "t"}', "The 'roles' trait of a JupyterAuthz", None),
        ('c.JupyterAuthz.groups = {"team": "ann"}', "group 'team': expected 'members'", None),
        ("c.JupyterAuthz.role = []", "unknown trait 'c.JupyterAuthz.role'", None),
        ("c.jupyter_authz.roles = []", "unknown section 'c.jupyter_authz'", None),
        ("c.ServerApp.port = 'http'", "The 'port' trait of a ServerApp instance", None),
        ("c.JupyterAuthz.roles = [\n", "the configuration file cannot be read", None),
        ("c.JupyterAuthz.roles = oops", "NameError: name 'oops' is not defined", None),
    ],
)
def test_invalid_configuration(authz, configure, text, message, role):
    """An invalid configuration has status 1 and one error, which names the file."""
    path = configure(text)
    result = authz("check")
    assert result.status == 1
    assert result.out == ""
    assert result.err.startswith(f"jupyter authz check: {path}")
    assert message in result.err
    assert result.err.count("\n") == 1
    error = authz("check", "--json")
    assert error.status == 1
    assert error.json["valid"] is False
    assert error.json["error"]["role"] == role
    assert message in error.json["error"]["message"]


def test_broken_json(authz, configure):
    """A JSON file that cannot be parsed is an error as well."""
    path = configure('{"JupyterAuthz": ', "jupyter_server_config.json")
    result = authz("check")
    assert result.status == 1
    assert result.err.startswith(f"jupyter authz check: {path}")


def test_wrong_account(authz, configure):
    """What is wrong with an account is told without its secret."""
    path = configure(
        'c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"\n'
        'c.AccountsIdentityProvider.users = {"ann": {"hashed_password": "plain text"}}\n'
    )
    result = authz("check")
    assert result.status == 1
    assert result.err.startswith(f"jupyter authz check: {path}: c.AccountsIdentityProvider.users")
    assert "plain text" not in result.err


def test_unknown_option_of_the_server(authz):
    """What the server would not understand is an error."""
    result = authz("check", "--no-such-option")
    assert result.status == 1
    assert result.err == "jupyter authz check: unrecognized arguments: --no-such-option\n"


def test_configuration_from_elsewhere(authz, configure, home):
    """`--config` names the file that is read in place of the server's own."""
    configure("raise AssertionError('this file is not read')")
    given = home / "elsewhere.py"
    given.write_text(f"c.JupyterAuthz.roles = [{ROLE}]")
    report = authz("check", "--json", f"--config={given}").json
    assert report["roles"][0]["file"] == str(given)
    missing = authz("check", f"--config={home / 'missing.py'}")
    assert missing.status == 1
    assert "missing.py' does not exist" in missing.err


def test_command_line(authz, configure):
    """What the command line sets counts before every file, and is named."""
    configure(f"c.JupyterAuthz.roles = [{ROLE}]")
    report = authz("check", "--json", "--JupyterAuthz.roles=[]").json
    assert report["roles"] == []
    assert [file["path"] for file in report["files"]][-1] == "command line"
    assert report["files"][0]["sets"] == [{"trait": "roles", "replaced_by": "command line"}]


def test_json_replaces_the_list_of_a_python_file(authz, configure):
    """Roles that a JSON file replaces are a warning, and are not in the policy."""
    python = configure(f"c.JupyterAuthz.roles = [{ROLE}]")
    other = configure(
        {"JupyterAuthz": {"roles": [{"name": "json", "users": ["*"], "deny": ["write"]}]}},
        "jupyter_server_config.json",
    )
    result = authz("check", "--json")
    assert [(role["name"], role["file"]) for role in result.json["roles"]] == [("json", other)]
    assert result.json["files"][0] == {
        "path": python,
        "sets": [{"trait": "roles", "replaced_by": other}],
    }
    (warning,) = result.warnings("replaced")
    assert f"c.JupyterAuthz.roles of {python} has no effect, since {other} replaces" in warning


def test_server_file_counts_before_the_file_of_the_extension(authz, configure):
    """jupyter_server_config.py replaces what jupyter_authz_config.py sets."""
    own = configure(f"c.JupyterAuthz.roles = [{ROLE}]", "jupyter_authz_config.py")
    assert authz("check", "--json").json["roles"][0]["file"] == own
    server = configure("c.JupyterAuthz.roles = []")
    report = authz("check", "--json").json
    assert report["roles"] == []
    assert report["files"][0]["sets"] == [{"trait": "roles", "replaced_by": server}]


def test_what_is_appended_too_early_is_a_warning(authz, configure):
    """A role that is added to a list which is replaced later is lost."""
    own = configure(f"c.JupyterAuthz.roles.append({ROLE})", "jupyter_authz_config.py")
    configure("c.JupyterAuthz.roles = []")
    result = authz("check", "--json")
    assert result.json["roles"] == []
    (warning,) = result.warnings("replaced")
    assert f"c.JupyterAuthz.roles of {own} has no effect" in warning


def test_appended_and_included_roles(authz, configure, home):
    """A role that is appended, or stands in an included file, is found where it was written."""
    other = ROLE.replace('"all"', '"other"')
    included = configure(f"c.JupyterAuthz.roles = [{ROLE}]", "included.py")
    server = configure(
        f"load_subconfig({included!r})\nc.JupyterAuthz.roles = [*c.JupyterAuthz.roles, {other}]"
    )
    report = authz("check", "--json").json
    assert [role["file"] for role in report["roles"]] == [included, server]
    appending = configure(f"c.JupyterAuthz.roles.append({ROLE})")
    result = authz("check", "--json")
    assert [role["file"] for role in result.json["roles"]] == [appending]
    assert result.warnings("replaced") == []


def test_extension_that_is_not_enabled(authz, home):
    """A server without its guard is no valid one."""
    (home / "config" / "jupyter_server_config.d" / "jupyter_authz.json").unlink()
    result = authz("check")
    assert result.status == 1
    assert "jupyter server extension enable jupyter_authz" in result.err


def test_policy_in_a_fragment(authz, home, configure):
    """A policy in a file that only enables extensions is a warning."""
    configure({"JupyterAuthz": {"roles": []}}, "jupyter_server_config.d/policy.json")
    (warning,) = authz("check", "--json").warnings("never-read")
    assert "policy.json is never read" in warning


def test_misspelled_section(authz, configure):
    """A section that nothing reads, but almost, is a warning."""
    configure("c.AccountIdentityProvider.users = {}")
    (warning,) = authz("check", "--json").warnings("unknown-section")
    assert warning.endswith("did you mean 'c.AccountsIdentityProvider'?")


def test_hints(authz, configure):
    """Hints are printed if asked for."""
    configure("c.JupyterAuthz.roles = []")
    assert "PolicyAuthorizer" not in authz("check").out
    assert "jupyter_authz.PolicyAuthorizer" in authz("check", "--verbose").out


def test_nothing_is_left_behind(authz, configure, home):
    """No file of a running server is written, not even its cookie secret."""
    configure(f"c.JupyterAuthz.roles = [{ROLE}]")
    before = {path for path in home.rglob("*") if "data" not in path.parts}
    authz("check")
    authz("routes")
    assert {path for path in home.rglob("*") if "data" not in path.parts} == before


def test_policy_in_the_file_of_another_extension(shell, configure):
    """A policy in the configuration file of JupyterLab, which comes too late, is an error."""
    path = configure(f"c.JupyterAuthz.roles = [{ROLE}]", "jupyter_lab_config.py")
    result = shell("check")
    assert result.status == 1
    assert f"{path}: 'c.JupyterAuthz' is not read from this file" in result.err


def test_true_command(shell, configure):
    """The command that people type prints JSON alone, with every extension there is."""
    configure(f"c.JupyterAuthz.roles = [{ROLE}]")
    result = shell("check", "--json")
    assert result.status == 0
    assert result.json["valid"] is True
    assert "Traceback" not in result.err


def test_true_command_with_an_error(shell, configure):
    """The command that people type prints the one error."""
    path = configure(f"c.JupyterAuthz.roles = [{ROLE.replace('read', 'raed')}]")
    result = shell("check")
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        f"jupyter authz check: {path}: role 'all': allow 'raed:contents': unknown action 'raed': "
        "expected 'read', 'write', 'execute' or '*' (did you mean 'read'?)\n"
    )


def test_people_of_a_store_are_not_known_here(authz, configure, home):
    """Roles may name them; the store is not opened, and not made."""
    database = home / "accounts.db"
    configure(
        "c.Accounts.enabled = True\n"
        f"c.Accounts.url = 'sqlite:///{database}'\n"
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        "c.JupyterAuthz.roles = [\n"
        "    {'name': 'all', 'users': ['somebody'], 'allow': ['*']},\n"
        "    {'name': 'auditor', 'allow': ['read:contents']},\n"
        "]\n"
    )
    result = authz("check", "--json")
    assert result.json["valid"], result.json["error"]
    assert result.warnings("unknown-user") == []
    assert not database.exists()


def test_groups_of_a_store_count(authz, configure, home):
    """Who runs a notebook's saved cells by name, and may write it by a group, is found."""
    url = f"sqlite:///{home / 'accounts.db'}"
    configure(
        f"c.Accounts.enabled = True\nc.Accounts.url = {url!r}\n"
        "c.JupyterAuthz.roles = [\n"
        "    {'name': 'runs', 'users': ['ann'], 'allow': ['execute:cells!path=a/**']},\n"
        "    {'name': 'writes', 'groups': ['writers'], 'allow': ['write:contents!path=a/**']},\n"
        "]\n"
    )
    assert authz("check", "--json").warnings("saved-cells-can-be-written") == []
    store = Store(url)
    store.open()
    with store.writing() as writing:
        people.add(writing, "ann")
        tags.add(writing, "ann", "writers")
    store.close()
    assert authz("check", "--json").warnings("saved-cells-can-be-written")


def test_a_store_that_cannot_be_used(authz, configure, home):
    """The server would not start, and so the configuration is not valid."""
    (home / "accounts.db").write_text("no database, but something that is long enough " * 50)
    configure(
        "c.Accounts.enabled = True\n"
        f"c.Accounts.url = 'sqlite:///{home / 'accounts.db'}'\n"
        "c.JupyterAuthz.roles = []\n"
    )
    result = authz("check", "--json")
    assert (result.status, result.json["valid"]) == (1, False)
    assert "accounts.db" in result.json["error"]["message"]


def test_a_misspelled_setting_of_accounts(authz, configure):
    """It would be a store that nobody uses."""
    for line in ("c.Accounts.enable = True", "c.accounts.enabled = True"):
        configure(f"{line}\nc.JupyterAuthz.roles = []\n")
        assert "expected" in (said := authz("check").err) or "did you mean" in said
