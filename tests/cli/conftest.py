"""The commands in this process, on a server with this extension alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from jupyter_core import paths

from jupyter_authz.cli import nouns
from jupyter_authz.cli.check import CheckCommand
from jupyter_authz.cli.demo import DemoCommand
from jupyter_authz.cli.init import InitCommand
from jupyter_authz.cli.main import AuthzCommand
from jupyter_authz.cli.routes import RoutesCommand

COMMANDS = (
    AuthzCommand,
    CheckCommand,
    RoutesCommand,
    DemoCommand,
    InitCommand,
    nouns.UserCommand,
    nouns.GroupCommand,
    nouns.TokenCommand,
    nouns.GrantCommand,
    nouns.RevokeCommand,
    nouns.GrantsCommand,
)
ENABLED = {"ServerApp": {"jpserver_extensions": {"jupyter_authz": True}}}


@dataclass
class Result:
    """What a command left behind."""

    status: int | str
    out: str
    err: str

    @property
    def json(self):
        """What was printed, as JSON."""
        return json.loads(self.out)

    def warnings(self, code):
        """Give the warnings of one kind."""
        return [w["message"] for w in self.json["warnings"] if w["code"] == code]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give a directory with a configuration of its own, and nothing of this machine's."""
    for name in ("config", "data", "runtime", "root"):
        (tmp_path / name).mkdir()
    for name in ("config", "data", "runtime"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JUPYTER_CONFIG_PATH", raising=False)
    monkeypatch.setattr(paths, "SYSTEM_CONFIG_PATH", [])
    monkeypatch.setattr(paths, "ENV_CONFIG_PATH", [])
    monkeypatch.chdir(tmp_path / "root")
    fragments = tmp_path / "config" / "jupyter_server_config.d"
    fragments.mkdir()
    (fragments / "jupyter_authz.json").write_text(json.dumps(ENABLED))
    return tmp_path


@pytest.fixture
def configure(home):
    """Give a function that writes a configuration file and returns its path."""

    def write(text, name="jupyter_server_config.py"):
        path = Path(home, "config", name)
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return str(path)

    return write


@pytest.fixture
def authz(home, capsys):
    """Give a function that runs `jupyter authz` in this process."""

    def run(*arguments):
        command = AuthzCommand.instance()
        try:
            command.initialize(list(arguments))
            command.start()
        except SystemExit as stop:
            captured = capsys.readouterr()
            return Result(stop.code or 0, captured.out, captured.err)
        finally:
            for kind in COMMANDS:
                kind.clear_instance()
        raise AssertionError("a command exits")

    return run


@pytest.fixture
def shell(home):
    """Give a function that runs the true command, with every extension of this environment."""

    def run(*arguments):
        command = [str(Path(sys.executable).with_name("jupyter")), "authz", *arguments]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "PATH": path},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
