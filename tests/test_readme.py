"""The README: every command and every piece of configuration in it is run."""

from __future__ import annotations

import ast
import http.client
import json
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
from demonstration import serving_demo
from serving import ROOT, Client, block, environment, serving
from traitlets.config import Config

from jupyter_authz import AccountsIdentityProvider
from jupyter_authz.accounts import people
from jupyter_authz.accounts.settings import Accounts
from jupyter_authz.cli.execution import Execution
from jupyter_authz.errors import PolicyError
from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.policy.base import BASE_PERMISSIONS
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_memberships, read_roles
from jupyter_authz.resources.types import INCLUDED, TYPES

README = (ROOT / "README.md").read_text()


def configured(text: str) -> Any:
    config = Config()
    exec(compile(text, "README.md", "exec"), {"c": config})
    return config


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the server of the README's first command, without its installation."""
    with serving_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def test_run_command_is_one_line_that_installs_and_serves():
    """The first command is a single line: an environment, an installation, a server."""
    (line,) = block("run").strip().splitlines()
    environment_, install, serve = line.split("&&")
    assert environment_.strip() == "python3 -m venv .venv"
    assert install.strip() == '.venv/bin/pip install -q ".[accounts,examples]"'
    assert serve.strip() == ".venv/bin/jupyter authz demo --allow-root"


def test_script_command_shows_what_the_readme_says(demo):
    """Cy's token gets the listing of finance, Dan's the sentence that the README quotes."""
    curl = shlex.split(block("script"))
    assert curl[2] == "Authorization: token $CYS_TOKEN"
    path = curl[3].partition("8888/")[2]
    listing = demo.client("cy").request("GET", path)
    assert listing.status == 200
    assert {"Budget.ipynb", "archive"} <= {entry["name"] for entry in listing.json["content"]}
    quoted = json.loads(re.search(r'^\{"message".*\}$', README, re.MULTILINE).group())
    refused = demo.client("dan").request("GET", path)
    assert refused.status == 403
    assert {**refused.json, "decision": ""} == {**quoted, "decision": ""}


@pytest.mark.parametrize("name", ["ann", "bob", "cy", "dan"])
def test_everybody_signs_in_as_the_readme_says(demo, name):
    """Name and password that the demo prints open a session in a browser's way."""
    client = Client(demo.port)
    page = client.request("GET", "login")
    xsrf = page.headers["Set-Cookie"].partition(";")[0]
    form = (
        f"username={name}&password={demo.people[name]['password']}&_xsrf={xsrf.partition('=')[2]}"
    )
    connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=30)
    connection.request(
        "POST",
        "/login?next=%2Flab",
        body=form,
        headers={"Cookie": xsrf, "Content-Type": "application/x-www-form-urlencoded"},
    )
    reply = connection.getresponse()
    assert (reply.status, reply.headers["Location"]) == (302, "/lab")
    cookies = [v.partition(";")[0] for k, v in reply.getheaders() if k == "Set-Cookie"]
    connection.close()
    headers = {"Cookie": "; ".join(cookies)}
    me = client.request("GET", "api/me", headers=headers).json
    assert me["identity"]["username"] == name
    lab = client.request("GET", "lab", headers={**headers, "Accept": "text/html"})
    assert lab.status == 200


def test_policy_block_means_what_its_comments_say():
    """The policy on one screen is valid, and gives finance its folder and keeps the archive."""
    config = configured(block("policy")).JupyterAuthz
    policy = Policy(read_roles(config.roles, Grammar(TYPES)), read_memberships(config.groups))

    def may(name, action, path, *groups):
        question = Question(action, Resource("contents", path=path))
        return bool(policy.decide(Subject(name, groups), question))

    assert may("ann", "write", "anything/at/all")
    assert may("cy", "write", "team/finance/report.csv")
    assert not may("cy", "write", "team/finance/archive/2020.csv")
    assert may("cy", "read", "team/finance/archive/2020.csv")
    assert not may("cy", "read", "team/data-science/x")
    assert may("bob", "write", "team/data-science/x", "team/data-science")
    assert may("dan", "read", "welcome/hello.md")
    assert not may("dan", "write", "welcome/hello.md")


def test_cells_block_means_what_its_text_says():
    """Each runs saved cells in a kernel of their own; the others watch, and use widgets."""
    config = configured(block("cells")).JupyterAuthz
    policy = Policy(read_roles(config.roles, Grammar(TYPES)), read_memberships(config.groups))

    def may(name, question):
        action, kind = question.split(":")
        resource = Resource(kind, path="course/x.ipynb", owner="stu")
        return bool(policy.decide(Subject(name, ()), Question(action, resource)))

    everything = ("execute:cells", "execute:kernels", "write:channels", "read:channels")
    found = {name: [may(name, one) for one in everything] for name in ("stu", "sue", "wat", "wid")}
    assert found == {
        "stu": [True, True, False, False],
        "sue": [False, False, False, False],
        "wat": [False, False, False, True],
        "wid": [False, False, True, True],
    }
    assert not any(may(name, "write:contents") for name in found)
    findings = Execution(policy.roles, read_memberships(config.groups)).findings()
    assert [finding.code for finding in findings] == []


def test_accounts_block_is_valid():
    """Every setting in it exists and takes its value."""
    config = configured(block("accounts"))
    settings = Accounts(config=config)
    assert set(config.Accounts) <= set(Accounts.class_trait_names(config=True))
    assert (settings.enabled, settings.file) == (True, "/srv/jupyter/accounts.db")


def test_tags_block_does_what_its_comments_say(tmp_path):
    """Tags of somebody in a store, in two sets."""
    text = block("tags").replace("/srv/jupyter", str(tmp_path))
    begin, _, rest = text.partition("tags = Tags(store)\n")
    scope = {}
    exec(begin, scope)
    with scope["store"].writing() as writing:
        people.add(writing, "cy")
    for line in rest.replace("store.close()", "").splitlines():
        code, _, comment = line.partition("  # ")
        found = eval(code, scope | {"tags": scope["Tags"](scope["store"])}) if code else None
        if comment.startswith("("):
            assert found == ast.literal_eval(comment.partition(":")[0])
    assert scope["Tags"](scope["store"], "topics").find("algebra") == ("cy",)
    scope["store"].close()


async def test_decorators_block_runs(serve):
    """Teachers see grades, and who may write a file writes it."""
    scope = {}
    exec(block("decorators"), scope)
    allowed = ["execute:ext.people", "write:contents!path=mine/**"]
    be = serve(roles=[{"name": "all", "users": ["*"], "allow": allowed}])
    be.add(("grades", scope["Grades"]))
    assert await be("ann").status("GET", "grades") == 403
    assert await be("ann:teacher/physics").status("GET", "grades") == 200
    assert await be("ann").status("PUT", "grades", {"path": "mine/a.txt"}) == 200
    assert await be("ann").status("PUT", "grades", {"path": "theirs/a.txt"}) == 403


async def test_guests_block_lets_visitors_look(serve, jp_server_config, tmp_path, jp_asyncio_loop):
    """Without signing in one sees the folder, the pages of a front end, and nothing else."""
    config = configured(block("guests"))
    jp_server_config.merge(config)
    jp_server_config.ServerApp.identity_provider_class = AccountsIdentityProvider
    jp_server_config.Accounts.url = f"sqlite:///{tmp_path / 'accounts.db'}"
    jp_server_config.Accounts.enabled = True
    jp_server_config.ServerApp.jpserver_extensions["jupyterlab"] = True
    be = serve()
    be.write(welcome__a_txt="a", other__b_txt="b")
    visitor = be()
    page = {"Accept": "text/html"}
    assert await visitor.status("GET", "lab", headers=page) == 200
    listing = await visitor.json("GET", "api/contents")
    assert [entry["name"] for entry in listing["content"]] == ["welcome"]
    assert await visitor.status("GET", "api/contents/welcome/a.txt") == 200
    for path in (
        "lab/api/settings",
        "lab/api/workspaces",
        "api/kernelspecs",
        "api/status",
        "api/me",
    ):
        assert await visitor.status("GET", path) == 200, path
    assert await visitor.status("GET", "api/contents/other/b.txt") == 403
    assert await visitor.status("POST", "api/kernels", {}) == 403
    reply = await visitor.fetch("GET", "files/other/b.txt", headers=page)
    assert (reply.code, "login" in reply.headers["Location"]) == (302, True)
    await be.web_app.settings["jupyter_authz_service"].live.stop()


async def test_callback_block_does_what_it_says(serve, jp_server_config):
    """Leads from the root to one's own, and lets nobody else see more than is for all."""
    jp_server_config.merge(configured(block("callback")))
    be = serve()
    be.write(welcome__index_html="hello", other__a_txt="a")
    page = {"Accept": "text/html"}
    for name, there in (("ann", "lab"), ("bob", "view/welcome/index.html")):
        reply = await be(name).fetch("GET", "", headers=page)
        assert (reply.code, reply.headers["Location"]) == (302, be.base_url + there)
    seen = [await be(name).status("GET", "files/other/a.txt") for name in ("ann", "bob")]
    assert seen == [200, 403]
    assert await be("bob").status("GET", "files/welcome/index.html") == 200


def test_dashboards_block_means_what_its_text_says():
    """Finance's dashboards, its port, and its application."""
    config = configured(block("dashboards")).JupyterAuthz
    policy = Policy(read_roles(config.roles, Grammar(TYPES)))

    def may(resource, *groups):
        return bool(policy.decide(Subject("x", groups), Question("execute", resource)))

    for resource in (
        Resource("voila", path="finance/a.ipynb"),
        Resource("proxy", name="localhost:8050", url="x"),
        Resource("proxy", name="apps", url="finance/ws"),
    ):
        assert may(resource, "finance/one")
        assert not may(resource, "science")
    assert not may(Resource("voila", path="finances/a.ipynb"), "finance")
    assert not may(Resource("proxy", name="apps", url="finances"), "finance")
    assert not may(Resource("proxy", name="localhost:8051", url=""), "finance")


def test_quoted_error_is_what_a_mistake_gives():
    """The README's error is the beginning and the end of what such a mistake gives."""
    quoted = re.search(r"^role 'team': allow '.*$", README, re.MULTILINE).group()
    with pytest.raises(PolicyError) as error:
        read_roles(
            [{"name": "team", "users": ["x"], "allow": ["read:content!path=x/**"]}], Grammar(TYPES)
        )
    begins, _, ends = quoted.partition("api, ...")
    assert str(error.value).startswith(begins)
    assert str(error.value).endswith(ends)


def test_readme_lists_every_type():
    """No resource type is missing from the screen that explains permissions."""
    types = README.partition("* **Types**")[2].partition("* **Filters**")[0]
    assert {name for name in (*TYPES, *INCLUDED) if f"`{name}`" not in types} == set()


def test_base_block_is_the_default():
    """The base permissions that the README shows are those there are."""
    assert ast.literal_eval(block("base")) == list(BASE_PERMISSIONS)


def test_people_block_is_valid(tmp_path):
    """The configuration of accounts starts a server."""
    home = tmp_path / "home"
    config = tmp_path / "people_config.py"
    config.write_text(block("people"))
    with serving(home, f"--config={config}") as port:
        assert Client(port).status("GET", "api/me") == 403


def test_commands_that_make_hashes_work(tmp_path):
    """The two commands in the comments give what the configuration takes."""
    token = re.search(r'python -c "(from jupyter_authz.*?)"', README).group(1)
    output = subprocess.run(
        [sys.executable, "-c", token],
        capture_output=True,
        text=True,
        check=True,
        env=environment(tmp_path),
    ).stdout
    made, hashed = output.split()
    assert len(made) >= 32
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", hashed)
    assert "from jupyter_server.auth import passwd; print(passwd())" in README


def test_hook_block_runs(tmp_path):
    """The hook of the README lets read and write, and nothing be run."""
    config = tmp_path / "hook_config.py"
    config.write_text(block("hook"))
    with serving(tmp_path / "home", f"--config={config}", "--IdentityProvider.token=t") as port:
        client = Client(port, "t")
        assert client.status("GET", "api/contents") == 200
        assert client.status("POST", "api/kernels", {}) == 403


def test_test_command_is_one_line():
    """The second command is a single line that ends in the test runner."""
    (line,) = block("tests").strip().splitlines()
    assert line.endswith("&& .venv/bin/pytest")
