"""Configuration is read as it was written, or there is no server."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import traitlets
from traitlets.config import Config

from jupyter_authz import configuration
from jupyter_authz.app import JupyterAuthz
from jupyter_authz.errors import ConfigurationError

TRAITS = set(JupyterAuthz.class_trait_names(config=True))
ROLE = {"name": "all", "users": ["*"], "allow": ["*"]}


@pytest.fixture
def directory(jp_environ, jp_config_dir):
    """Give the directory of the user's configuration files."""
    return jp_config_dir


@pytest.fixture
def start(jp_server_config, jp_configurable_serverapp, capfd):
    """Give a function that starts a server, and gives its policy; or says why there is none."""

    def starts(*arguments):
        app = jp_configurable_serverapp(config=jp_server_config, argv=list(arguments))
        return app.web_app.settings["jupyter_authz_guard"].policy

    return starts


def fails(start, capfd, *arguments):
    """Give what a server says that does not start."""
    with pytest.raises(SystemExit) as stopped:
        start(*arguments)
    assert stopped.value.code == 1
    said = capfd.readouterr().err
    assert "The server does not start" in said
    return said


def names(policy):
    """Give the names of the roles of a policy."""
    return [role.name for role in policy.roles][1:]


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("base", ["jupyter_server_config", "jupyter_authz_config"])
async def test_files_that_hold_the_policy(directory, start, base):
    """In the server's file or in the extension's own."""
    (directory / f"{base}.py").write_text(f"c.JupyterAuthz.roles = [{ROLE!r}]")
    assert names(start()) == ["all"]


async def test_a_json_file(directory, start):
    """Files may be JSON."""
    text = json.dumps({"JupyterAuthz": {"roles": [ROLE]}})
    (directory / "jupyter_server_config.json").write_text(text)
    assert names(start()) == ["all"]


async def test_a_file_named_on_the_command_line(tmp_path, start):
    """Or whatever file one names."""
    path = tmp_path / "mine.py"
    path.write_text(f"c.JupyterAuthz.roles = [{ROLE!r}]")
    assert names(start(f"--config={path}")) == ["all"]


async def test_the_extension_s_file_beside_it(tmp_path, start):
    """The extension's own file may lie beside the one that is named."""
    (tmp_path / "mine.py").write_text("c.JupyterAuthz.groups = {'a': ['ann']}")
    (tmp_path / "jupyter_authz_config.py").write_text(f"c.JupyterAuthz.roles = [{ROLE!r}]")
    assert names(start(f"--config={tmp_path}/mine.py")) == ["all"]


async def test_a_broken_file_beside_it_stops_the_server(tmp_path, start, capfd):
    """And is read, or there is no server."""
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "jupyter_authz_config.py").write_text("c.JupyterAuthz.roles = [")
    assert "jupyter_authz_config.py, line 1" in fails(start, capfd, f"--config={tmp_path}/mine.py")


BROKEN = {
    "syntax": "c.JupyterAuthz.roles = [",
    "name": f"c.JupyterAuthz.roles = [{ROLE!r}]\nundefined",
    "import": "import a_module_that_is_not_there\nc.JupyterAuthz.roles = []",
    "raises": "raise ValueError('of mine')",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(
    "base", ["jupyter_config", "jupyter_server_config", "jupyter_authz_config"]
)
async def test_broken_configuration_file_stops_the_server(directory, start, capfd, base, kind):
    """A file that cannot be run would leave a server without its policy."""
    (directory / f"{base}.py").write_text(BROKEN[kind])
    said = fails(start, capfd)
    assert f"{base}.py" in said
    assert "cannot be read" in said


async def test_a_broken_json_file_stops_the_server(directory, start, capfd):
    """So does a file that is no JSON."""
    (directory / "jupyter_server_config.json").write_text("{")
    assert "jupyter_server_config.json" in fails(start, capfd)


async def test_a_file_that_does_not_exist_stops_the_server(start, capfd, tmp_path):
    """`--config` of a file that is not there is a mistake."""
    assert "does not exist" in fails(start, capfd, f"--config={tmp_path}/none.py")


@pytest.mark.parametrize("text", ["student", "[student]", '[{"name":"x"', "{}"])
async def test_a_policy_that_is_no_list_on_the_command_line(start, capfd, directory, text):
    """It is an error, not a policy that is off, and the text is quoted."""
    (directory / "jupyter_server_config.py").write_text(f"c.JupyterAuthz.roles = [{ROLE!r}]")
    said = fails(start, capfd, f"--JupyterAuthz.roles={text}")
    assert "expected" in said
    assert "command line" in said or text in said


async def test_none_on_the_command_line(start, capfd):
    """Who writes None means off; older traitlets take it for a text, and the server says so."""
    try:
        policy = start("--JupyterAuthz.roles=None")
    except SystemExit:
        assert traitlets.version_info < (5, 14)
        assert "got 'None'" in capfd.readouterr().err
    else:
        assert policy is None


@pytest.mark.parametrize("base", ["jupyter_server_config", "jupyter_authz_config"])
async def test_a_policy_outside_of_its_section(directory, start, capfd, base):
    """In JSON the section is a level of its own."""
    (directory / f"{base}.json").write_text(json.dumps({"roles": [ROLE]}))
    assert "'roles' stands outside" in fails(start, capfd)


async def test_json_pasted_into_a_python_file(directory, start, capfd):
    """It is valid Python, and does nothing."""
    text = json.dumps({"JupyterAuthz": {"roles": [ROLE]}})
    (directory / "jupyter_authz_config.py").write_text(f'"""Mine."""\n\n{text}\n')
    assert "jupyter_authz_config.py, line 3: nothing is done" in fails(start, capfd)


async def test_values_in_the_files_of_others_are_theirs(directory, start):
    """Without a policy nothing is refused that was not before."""
    (directory / "jupyter_server_config.py").write_text("['of', 'no', 'use']\n")
    assert start() is None


async def test_an_error_in_the_policy_tells_the_file(directory, start, capfd):
    """The server itself says in which file the mistake is."""
    role = {**ROLE, "allows": ["*"]}
    path = directory / "jupyter_authz_config.py"
    path.write_text(f"c.JupyterAuthz.roles = [{role!r}]")
    assert f"{path}: role 'all': unknown key 'allows'" in fails(start, capfd)


def test_an_error_tells_the_line(tmp_path):
    """The message names file and line."""
    path = tmp_path / "a.py"
    path.write_text("\n\nc.A.b = [\n")
    with pytest.raises(ConfigurationError, match=r"a\.py, line 3: .*SyntaxError"):
        configuration.load(path)
    path.write_text("def makes():\n    return wrong\n\n\nmakes()\n")
    with pytest.raises(ConfigurationError, match=r"a\.py, line 2: .*NameError"):
        configuration.load(path)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "section",
    [
        "jupyterauthz",
        "Jupyterauthz",
        "JupyterAUTHZ",
        "Jupyter_Authz",
        "jupyter_authz",
        "jupyter-authz",
        "JupyterAuth",
        "JupyterAuthzz",
    ],
)
def test_sections_that_are_not_ours(section):
    """A section that differs in case or underscores is a mistake traitlets would not mention."""
    config = Config({section: {"roles": []}})
    with pytest.raises(ConfigurationError, match=r"expected 'c\.JupyterAuthz'"):
        configuration.check_sections(config, TRAITS)


@pytest.mark.parametrize("section", ["ServerApp", "JupyterHub", "AccountsIdentityProvider"])
def test_sections_of_others(section):
    """Others' sections are theirs."""
    configuration.check_sections(Config({section: {"anything": 1}}), TRAITS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("role", "roles"), ("Roles", "roles"), ("base_permission", "base_permissions"), ("zzz", None)],
)
def test_unknown_traits(name, hint):
    """An unknown trait is an error, with the one that was meant."""
    config = Config({"JupyterAuthz": {name: []}})
    with pytest.raises(ConfigurationError) as error:
        configuration.check_sections(config, TRAITS, "here.py")
    assert f"here.py: unknown trait 'c.JupyterAuthz.{name}'" in str(error.value)
    assert ("did you mean" in str(error.value)) == (hint is not None)
    assert hint is None or repr(hint) in str(error.value)


@pytest.mark.parametrize("name", sorted(TRAITS))
def test_known_traits(name):
    """All others are fine."""
    configuration.check_sections(Config({"JupyterAuthz": {name: None}}), TRAITS)


async def test_an_unknown_trait_on_the_command_line(start, capfd):
    """Wherever it comes from."""
    assert "unknown trait 'c.JupyterAuthz.role'" in fails(start, capfd, "--JupyterAuthz.role=x")


async def test_a_misspelled_section_in_a_file(directory, start, capfd):
    """The server would be open to everybody, and nothing would say so."""
    (directory / "jupyter_server_config.py").write_text("c.JupyterAuthZ.roles = []")
    assert "unknown section 'c.JupyterAuthZ'" in fails(start, capfd)


def test_every_trait_is_explained():
    """`--help-all` shows each trait with an example."""
    for name in TRAITS - set(JupyterAuthz.__base__.class_trait_names(config=True)):
        help_text = JupyterAuthz.class_traits()[name].help
        assert f"c.JupyterAuthz.{name} = " in help_text, name


# ---------------------------------------------------------------------- appended


@pytest.mark.parametrize(
    "text",
    [
        f"c.JupyterAuthz.roles.append({ROLE!r})",
        f"c.JupyterAuthz.roles.extend([{ROLE!r}])",
        f"c.JupyterAuthz.roles.insert(0, {ROLE!r})",
        f"c.JupyterAuthz.roles = []\nc.JupyterAuthz.roles.append({ROLE!r})",
    ],
    ids=["append", "extend", "insert", "assign"],
)
@pytest.mark.parametrize("base", ["jupyter_server_config", "jupyter_authz_config"])
async def test_a_policy_that_is_appended_is_a_policy(directory, start, text, base):
    """With traitlets alone it would stay None, whatever is appended."""
    (directory / f"{base}.py").write_text(text)
    assert names(start()) == ["all"]


async def test_roles_appended_in_two_files(directory, start):
    """Both count."""
    other = {**ROLE, "name": "other"}
    (directory / "jupyter_config.py").write_text(f"c.JupyterAuthz.roles.append({ROLE!r})")
    (directory / "jupyter_server_config.py").write_text(f"c.JupyterAuthz.roles.append({other!r})")
    assert sorted(names(start())) == ["all", "other"]


async def test_nothing_configured_is_off(start):
    """No policy is the default."""
    assert start() is None


async def test_none_is_off(directory, start):
    """And may be written."""
    (directory / "jupyter_server_config.py").write_text("c.JupyterAuthz.roles = None")
    assert start() is None


@pytest.mark.parametrize("value", ["{}", "'all'", "()", "[[]]", "[None]", "7", "{'a': 1}"])
async def test_roles_of_another_type(directory, start, capfd, value):
    """What is no list of roles is a mistake, and not off."""
    (directory / "jupyter_server_config.py").write_text(f"c.JupyterAuthz.roles = {value}")
    if value == "()":
        policy = start()
        assert policy is not None
        assert names(policy) == []
    else:
        fails(start, capfd)


# ---------------------------------------------------------------------- what is read


def test_files_in_their_order(tmp_path):
    """Lowest priority first: a later directory, then Python before JSON of the same name."""
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        place.mkdir()
        for name in ("jupyter_server_config.py", "jupyter_server_config.json", "other.py"):
            (place / name).write_text("")
    server = SimpleNamespace(
        config_file="",
        config_file_name="jupyter_server_config",
        config_file_paths=[str(first), str(second)],
    )
    assert [path.relative_to(tmp_path).as_posix() for path in configuration.files(server)] == [
        "second/jupyter_server_config.py",
        "second/jupyter_server_config.json",
        "first/jupyter_server_config.py",
        "first/jupyter_server_config.json",
    ]
