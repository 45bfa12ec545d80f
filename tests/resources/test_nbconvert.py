"""Looking at a notebook in another format runs nothing."""

from __future__ import annotations

import json

import pytest
from serving import Client, serving
from traitlets.config import Config

from jupyter_authz.configuration import keep_templates_from_contents

HOOK = """
from jupyter_server.base.handlers import JupyterHandler

JupyterHandler.user_is_authorized = lambda self, user, action, resource: action != "execute"
"""
ROLES = """
c.JupyterAuthz.base_permissions = []
c.JupyterAuthz.roles = [{"name": "all", "users": ["*"], "allow": ["read,write"]}]
"""
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
TEMPLATE = "{{ 6 * 7 }} is what this template says"


@pytest.fixture(params=[HOOK, ROLES], ids=["hook", "roles"])
def client(request, tmp_path):
    """Run a server whose working directory, as it often is, is where people save."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    config = tmp_path / "config.py"
    config.write_text(f"import os\nos.chdir({str(root)!r})\n{request.param}")
    with serving(
        tmp_path / "home",
        f"--config={config}",
        f"--ServerApp.root_dir={root}",
        "--IdentityProvider.token=t",
    ) as port:
        yield Client(port, "t")


def test_a_saved_template_is_not_run(client):
    """Who may write files cannot have them run as a template."""
    for name, text in (("index.html.j2", TEMPLATE), ("conf.json", '{"base_template": "base"}')):
        client.request("PUT", "api/contents/lab", {"type": "directory"})
        saved = {"type": "file", "format": "text", "content": text}
        assert client.status("PUT", f"api/contents/lab/{name}", saved) == 201
    reply = client.request("GET", "nbconvert/html/a.ipynb")
    assert reply.status == 200
    assert b"42 is what" not in reply.body


@pytest.mark.parametrize("kind", ["pdf", "webpdf", "qtpdf", "qtpng", "script", "custom"])
def test_formats_that_run_a_program_ask_to_execute(client, kind):
    """A program does what the notebook says: LaTeX, a browser, or the exporter it names."""
    assert client.status("GET", f"nbconvert/{kind}/a.ipynb") == 403
    body = {"name": "a.ipynb", "content": NOTEBOOK}
    assert client.status("POST", f"nbconvert/{kind}", body) == 403
    assert client.status("POST", "nbconvert/html", body) == 200


def test_an_operator_may_decide_otherwise():
    """What the operator set stays."""
    config = Config({"TemplateExporter": {"extra_template_basedirs": ["/templates"]}})
    keep_templates_from_contents(config)
    assert config.TemplateExporter.extra_template_basedirs == ["/templates"]
