"""A real server process with every supported package, shared by the tests of a run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_server.auth import passwd
from serving import Client, free_port, serving

from jupyter_authz import new_token

HERE = Path(__file__).parent / "guard"
PASSWORD = "correct horse"
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
EXTENSIONS = (
    "jupyter_authz", "jupyter_lsp", "jupyter_server_fileid", "jupyter_server_proxy",
    "jupyter_server_terminals", "jupyter_server_ydoc", "jupyterlab", "jupyterlab_git", "nbclassic",
    "nbdime", "notebook", "voila.server_extension", "routes_dump",
)  # fmt: skip
CONFIGURATION = """
import sys
sys.path.insert(0, {here!r})
c.ServerApp.jpserver_extensions = {{name: True for name in {extensions!r}}}
# Of a package that is here for an example.
c.ServerApp.jpserver_extensions["panel.io.jupyter_server_extension"] = False
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.AccountsIdentityProvider.users = {users!r}
c.ServerApp.root_dir = {root!r}
c.JupyterAuthz.base_permissions = []
c.JupyterAuthz.roles = {roles!r}
c.SQLiteYStore.db_path = {root!r} + ".db"
c.ServerProxy.servers = {{
    "app": {{
        "command": [sys.executable, {here!r} + "/upstream.py", "{{port}}"],
        "launcher_entry": {{"path_info": "app/open/?a=/closed"}},
    }},
    "Whole": {{"command": [], "port": 9}},
    "dot.ted": {{"command": [], "port": 9}},
    "astray": {{"command": [], "port": 9, "launcher_entry": {{"path_info": "app/open"}}}},
}}
"""


class Real:
    """A running server and what its guard knows."""

    def __init__(self, port, tokens, routes, root):
        self.port = port
        self.tokens = tokens
        self.routes = routes
        self.root = root

    def __call__(self, name=None):
        """Give a client."""
        return Client(self.port, self.tokens.get(name))


@pytest.fixture(scope="session")
def upstream():
    """Run an application on a port of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "upstream.py"), str(port)])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            Client(port).status("GET", "/")
            break
        except OSError:
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def real(tmp_path_factory, upstream):
    """Run a server with every supported package.

    ann has no role, root may do everything, pat may use one application behind the proxy and a part
    of another, pam other parts, ada works in `a`.
    """
    home = tmp_path_factory.mktemp("real")
    root = home / "files"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        (root / name / "x.txt").write_text(f"text in {name}")
        (root / name / "x.png").write_text(f"picture in {name}")
        (root / name / "n.ipynb").write_text(json.dumps(NOTEBOOK))
    tokens, users = {}, {}
    hashed_password = passwd(PASSWORD, "sha256")
    for name in ("ann", "root", "pat", "pam", "ada"):
        tokens[name], hashed = new_token()
        users[name] = {"hashed_tokens": [hashed], "hashed_password": hashed_password}
    config = home / "server_config.py"
    config.write_text(
        CONFIGURATION.format(
            here=str(HERE),
            extensions=EXTENSIONS,
            users=users,
            root=str(root),
            roles=[
                {"name": "root", "users": ["root"], "allow": ["*"]},
                {
                    "name": "ada",
                    "users": ["ada"],
                    "allow": [
                        "read:ui,settings,collaboration",
                        "read,write,execute:contents,git,voila!path=a/**",
                        "execute:lsp!name=pylsp",
                        "read:kernels!owner={username}",
                    ],
                },
                {
                    "name": "pat",
                    "users": ["pat"],
                    "allow": [
                        f"execute:proxy!name=localhost:{upstream}",
                        "execute:proxy!name=app&url=open/**",
                        "read:ui",
                    ],
                },
                {
                    "name": "pam",
                    "users": ["pam"],
                    "allow": [
                        "read:ui",
                        "execute:proxy!name=app&url=closed",
                        "execute:proxy!name=whole",
                    ],
                },
            ],
        )
    )
    with serving(home, f"--config={config}") as port:
        dumped = home / "config" / "routes.json"
        deadline = time.monotonic() + 30
        while not dumped.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.1)
        yield Real(port, tokens, json.loads(dumped.read_text()), root)
