"""Front ends offer what their user may do, and keep what is theirs apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from people import allowing

import jupyter_authz
from jupyter_authz.guard.frontends import offer_what_is_allowed

PLUGIN = "@jupyterlab/apputils-extension:themes"
WORKSPACE = {"data": {"mine": "ann"}, "metadata": {"id": "default"}}


@pytest.fixture
def lab(serve, jp_server_config):
    """Give a function that runs a server with JupyterLab and Notebook 7."""

    def start(**traits):
        jp_server_config.ServerApp.jpserver_extensions.update(jupyterlab=True, notebook=True)
        return serve(**traits)

    return start


async def test_everybody_has_their_own(lab):
    """Workspaces and settings of one are not those of another, whatever their names are."""
    be = lab(roles=[])
    ann, bob = be("ann"), be("bob")
    assert await ann.status("PUT", "lab/api/workspaces/default", WORKSPACE) == 204
    settings = {"raw": '{"theme": "JupyterLab Dark"}'}
    assert await ann.status("PUT", f"lab/api/settings/{PLUGIN}", settings) == 204
    assert (await ann.json("GET", "lab/api/workspaces/default"))["data"] == {"mine": "ann"}
    assert (await ann.json("GET", "lab/api/workspaces"))["workspaces"]["ids"] == ["default"]
    found = await ann.json("GET", f"lab/api/settings/{PLUGIN}")
    assert found["settings"]["theme"] == "JupyterLab Dark"
    for other in (bob, be("Ann"), be("a%6en"), be("ann.")):
        assert (await other.json("GET", "lab/api/workspaces/default"))["data"] == {}
        assert (await other.json("GET", "lab/api/workspaces"))["workspaces"]["ids"] == []
        assert (await other.json("GET", f"lab/api/settings/{PLUGIN}"))["settings"] == {}
    assert await bob.status("DELETE", "lab/api/workspaces/default") == 404
    assert await ann.status("DELETE", "lab/api/workspaces/default") == 204


async def test_without_a_policy_they_are_shared(lab):
    """As without the extension."""
    be = lab()
    assert await be("ann").status("PUT", "lab/api/workspaces/default", WORKSPACE) == 204
    found = await be("bob").json("GET", "lab/api/workspaces/default")
    assert found["data"] == {"mine": "ann"}


ROLES = [
    allowing("*", users=["ann"], name="ann"),
    allowing("read:contents", users=["rita"], name="rita"),
    allowing("execute:terminals!owner={username}", users=["tess"], name="tess"),
]


@pytest.mark.parametrize("page", ["lab", "tree"])
async def test_pages_offer_what_is_allowed(lab, page):
    """No terminals, consoles and debuggers for those who can execute nothing."""
    be = lab(roles=ROLES)
    for name, terminals, consoles in (
        ("ann", True, True),
        ("rita", False, False),
        ("tess", True, False),
        ("ann", True, True),
    ):
        reply = await be(name).fetch("GET", page)
        text = reply.body.decode()
        assert reply.code == 200
        assert ('"terminalsAvailable": true' in text) is terminals
        assert ("terminal-extension" not in text.partition('"disabledExtensions"')[2]) is terminals
        assert ("@jupyterlab/console-extension" not in text) is consoles
        if page == "lab":
            # Nor does it ask those to build it anew who could not.
            for key in ("buildAvailable", "buildCheck"):
                assert (f'"{key}": true' in text) is (name == "ann"), key


async def test_the_hook_of_others_is_asked_first(serve):
    """What it says of a page stays, and what all pages share is not changed."""
    be = serve(roles=ROLES)
    shared = {"disabledExtensions": {"a": True, "b": False}, "terminalsAvailable": True}

    def hook(handler, page_config):
        return {**page_config, "from": "hook"}

    settings = {"page_config_hook": hook}
    offer_what_is_allowed(settings, be.guard)
    offer_what_is_allowed(settings, be.guard)
    for name, expected in (("ann", True), ("rita", False)):

        class Handler:
            current_user = name

        found = settings["page_config_hook"](Handler, shared)
        assert found["from"] == "hook"
        assert found["terminalsAvailable"] is expected
        if name == "rita":
            assert found["disabledExtensions"][0] == "a"
            assert "b" not in found["disabledExtensions"]
    assert shared == {"disabledExtensions": {"a": True, "b": False}, "terminalsAvailable": True}


def test_what_front_ends_load_is_of_this_version():
    """The part for JupyterLab belongs to the package."""
    package = Path(jupyter_authz.__file__).parent / "labextension" / "package.json"
    model = json.loads(package.read_text())
    assert (model["name"], model["version"]) == ("jupyter_authz", jupyter_authz.__version__)
    assert (package.parent / model["jupyterlab"]["_build"]["load"]).exists()
