"""Configuration, read as it was written or not at all.

Beside `app.py`: traitlets only logs a configuration file it cannot run, an unknown trait or a
section that nobody has, and a server without its policy would be open to everybody.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from traitlets.config.loader import JSONFileConfigLoader, LazyConfigValue, PyFileConfigLoader

from jupyter_authz.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_server.serverapp import ServerApp
    from traitlets.config import Config

SECTION = "JupyterAuthz"
# The extension's own file, as for extensions in general: jupyter_<what it is about>_config.
FILE_NAME = "jupyter_authz_config"
# How alike a section must be to ours to be a mistake: JupyterAuth is one, JupyterHub is not.
_CLOSE = 0.9
_LOADERS = {".py": PyFileConfigLoader, ".json": JSONFileConfigLoader}


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """A configuration file that the server reads.

    Parameters
    ----------
    path
        Where it is.
    config
        What it sets by itself.
    """

    path: Path
    config: Config


def files(server: ServerApp) -> Iterator[Path]:
    """Give the configuration files that exist and that a server reads, lowest priority first.

    Parameters
    ----------
    server
        The server, its command line parsed.

    Raises
    ------
    ConfigurationError
        A file named on the command line does not exist.
    """
    given = server.config_file
    directories = [Path(directory or ".") for directory in reversed(server.config_file_paths)]
    # What the server has read when the extension is linked counts before the extension's own file.
    yield from _existing(FILE_NAME, [*directories, *beside(server)])
    yield from _existing("jupyter_config", directories)
    if not given:
        yield from _existing(server.config_file_name or "jupyter_server_config", directories)
    if given:
        # Read instead of the server's own. As traitlets: any suffix is replaced by those it knows.
        path = Path(given).resolve()
        candidates = [path.with_suffix(suffix) for suffix in _LOADERS]
        existing = [candidate for candidate in candidates if candidate.is_file()]
        if not existing:
            raise ConfigurationError(
                f"--config: expected a configuration file, {given!r} does not exist"
            )
        yield from existing


def _existing(base: str, directories: list[Path]) -> Iterator[Path]:
    for directory in dict.fromkeys(directories):
        for suffix in _LOADERS:
            path = directory / (base + suffix)
            if path.is_file():
                yield path


def beside(server: ServerApp) -> list[Path]:
    """Give the directory of the file named on the command line: our own file may lie there too.

    Who writes `jupyter server --config=class/jupyter_server_config.py` and the policy into
    ``class/jupyter_authz_config.py`` means both.
    """
    return [Path(server.config_file).resolve().parent] if server.config_file else []


def load(path: Path) -> ConfigurationFile:
    """Read one configuration file by itself.

    Raises
    ------
    ConfigurationError
        It cannot be run or parsed.
    """
    loader = _LOADERS[path.suffix](path.name, path=str(path.parent))
    try:
        return ConfigurationFile(path, loader.load_config())
    except Exception as error:
        line = getattr(error, "lineno", None) or _line_in(path, error)
        where = f"{path}, line {line}" if line else str(path)
        raise ConfigurationError(
            f"{where}: the configuration file cannot be read: {type(error).__name__}: {error}"
        ) from error


def included(path: Path) -> list[Path]:
    """Give the files that a configuration file includes with `load_subconfig`, and those with it.

    Found by their names in the text; a name that a program makes up is not.

    Parameters
    ----------
    path
        Of a configuration file that could be read.
    """
    found = [path]
    for file in found:
        if file.suffix != ".py" or not file.is_file():
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "load_subconfig":
                continue
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            texts = [one.value for one in given if isinstance(one, ast.Constant)]
            names = [text for text in texts if isinstance(text, str)]
            if not names:
                continue
            # The second is the directory.
            other = Path(names[1] if names[1:] else file.parent, names[0])
            if other not in found:
                found.append(other)
    return found[1:]


def _line_in(path: Path, error: Exception) -> int | None:
    """Find the line of a file that was being run when an error arose."""
    lines = [f.lineno for f in extract_tb(error.__traceback__) if Path(f.filename) == path]
    return lines[-1] if lines else None


def require_all_read(server: ServerApp, loaded: list[str]) -> None:
    """Make sure that every configuration file was read.

    Parameters
    ----------
    server
        The server.
    loaded
        Files that are known to have been read. Others are read once more: one that sets nothing
        is not listed, and one that failed is not either.

    Raises
    ------
    ConfigurationError
        One could not be read.
    """
    # INVARIANT: a configuration file with an error in it stops the server.
    # tests/test_configuration.py::test_broken_configuration_file_stops_the_server
    read = {Path(name).resolve() for name in loaded if name}
    for path in files(server):
        if path.resolve() not in read:
            load(path)
            _require_no_stray_value(path)


def _require_no_stray_value(path: Path) -> None:
    """Make sure that a file which sets nothing has no policy in it that somebody meant to set.

    JSON that was pasted into a Python file is valid Python, and does nothing. What else stands in
    the files of others is their own affair.
    """
    # INVARIANT: tests/test_configuration.py::test_json_pasted_into_a_python_file
    source = path.read_bytes()
    if path.suffix != ".py" or (path.stem != FILE_NAME and SECTION.encode() not in source):
        return
    for statement in ast.parse(source).body:
        value = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(value, ast.Dict | ast.List | ast.Tuple):
            raise ConfigurationError(
                f"{path}, line {statement.lineno}: nothing is done with this value, expected an "
                f"assignment such as c.{SECTION}.roles = [...]"
            )


def require_none_elsewhere(loaded: list[str]) -> None:
    """Make sure that no file sets the section where nobody would read it.

    Parameters
    ----------
    loaded
        Files that only other extensions have read, such as ``jupyter_lab_config.py``: when they
        read them, this extension has its configuration already.

    Raises
    ------
    ConfigurationError
        One sets it.
    """
    # INVARIANT: a policy in a file that comes too late stops the server.
    # tests/cli/test_check.py::test_policy_in_the_file_of_another_extension
    for name in loaded:
        for section in load(Path(name)).config:
            if _folded(section) == _folded(SECTION):
                raise ConfigurationError(
                    f"{name}: 'c.{section}' is not read from this file, expected it in "
                    f"jupyter_server_config.py or {FILE_NAME}.py"
                )


def keep_templates_from_contents(config: Config) -> None:
    """Keep nbconvert from taking templates out of the server's working directory.

    A template is a program, and the working directory is, as a rule, where people save files: who
    may write there could run code by looking at a notebook as HTML. An operator who sets
    ``c.TemplateExporter.extra_template_basedirs`` has decided otherwise.

    Parameters
    ----------
    config
        What handlers give to exporters.
    """
    # INVARIANT: tests/resources/test_nbconvert.py::test_a_saved_template_is_not_run
    config["TemplateExporter"].setdefault("extra_template_basedirs", [])


def check_traits(config: Config, section: str, traits: set[str]) -> None:
    """Check the names in another section of this package.

    Parameters
    ----------
    config
        What was read.
    section
        Its name.
    traits
        The traits there are.

    Raises
    ------
    ConfigurationError
        A trait that does not exist, or a section that is almost it.
    """
    for other in config:
        if other != section and _folded(other) == _folded(section):
            raise ConfigurationError(f"unknown section 'c.{other}', expected 'c.{section}'")
    for name in config.get(section, {}):
        if name not in traits:
            close = get_close_matches(name, sorted(traits), n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ConfigurationError(f"unknown trait 'c.{section}.{name}'{hint}")


def check_sections(config: Config, traits: set[str], origin: str = "") -> None:
    """Check the names in a configuration.

    Parameters
    ----------
    config
        What was read.
    traits
        The traits there are.
    origin
        Where it was read from, for the error.

    Raises
    ------
    ConfigurationError
        A section that is almost ours, as by case, underscores or a letter, or a trait that does
        not exist.
    """
    where = f"{origin}: " if origin else ""
    for section, values in config.items():
        if isinstance(values, dict) and SECTION in values:
            raise ConfigurationError(
                f"{where}unknown section 'c.{section}.{SECTION}', expected 'c.{SECTION}'"
            )
        if section != SECTION and get_close_matches(
            _folded(section), [_folded(SECTION)], 1, _CLOSE
        ):
            raise ConfigurationError(
                f"{where}unknown section 'c.{section}', expected 'c.{SECTION}'"
            )
    own = config.get(SECTION, {})
    if not isinstance(own, dict):
        raise ConfigurationError(f"{where}expected 'c.{SECTION}' to be a section, got {own!r}")
    for name in own:
        if name not in traits:
            close = get_close_matches(name, sorted(traits), n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ConfigurationError(f"{where}unknown trait 'c.{SECTION}.{name}'{hint}")


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def require_inside(config: Config, traits: set[str]) -> None:
    """Make sure that no trait of the section stands outside of it, as in a JSON file it may.

    Raises
    ------
    ConfigurationError
        One does.
    """
    # INVARIANT: tests/test_configuration.py::test_a_policy_outside_of_its_section
    for name in config:
        if name in traits:
            raise ConfigurationError(
                f"{name!r} stands outside of every section, expected it in '{SECTION}': "
                f'{{"{SECTION}": {{"{name}": ...}}}}'
            )


def require_read(config: Config, name: str) -> None:
    """Make sure that what is None was written so.

    traitlets makes None of a text on the command line that is no list, for a trait that may be
    None: a policy with a bracket missing would be no policy.

    Parameters
    ----------
    config
        What was read.
    name
        Of a list that is None now.

    Raises
    ------
    ConfigurationError
        Something else was written.
    """
    # INVARIANT: a policy that cannot be read is not off.
    # tests/test_configuration.py::test_a_policy_that_is_no_list_on_the_command_line
    value = config.get(SECTION, {}).get(name)
    # A text of the command line prints itself with its class.
    given = str(value) if isinstance(value, str) else value
    if given is not None and given != "None":
        raise ConfigurationError(f"c.{SECTION}.{name}: expected a list of dicts, got {given!r}")


def appended(config: Config, name: str) -> list[Any] | None:
    """Give what was appended to a list that is None by default, or None where nothing was.

    traitlets keeps None as None whatever is appended to it: a policy written with
    ``c.JupyterAuthz.roles.append(...)`` would be no policy.
    """
    value = config.get(SECTION, {}).get(name)
    if not isinstance(value, LazyConfigValue):
        return None
    value._value = None  # noqa: SLF001 - it remembers the None it made
    # Each time applications exchange their configuration, what was appended is appended again.
    return list({repr(item): item for item in value.get_value([])}.values())
