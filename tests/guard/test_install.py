"""The guard stands before anybody comes, or there is no server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap

import pytest
from people import allowing
from serving import environment

import jupyter_authz.app as application
from jupyter_authz.guard.http import Guard
from jupyter_authz.guard.routes import Routes

# ---------------------------------------------------------------------- without a policy


async def test_transparent_without_a_policy(serve, caplog):
    """Without policy and hook everybody may do everything, and the log says so in one line."""
    be = serve()
    assert await be("ann").status("GET", "api/contents") == 200
    assert await be("ann").status("PUT", "api/config/x", {}) == 204
    assert be.guard.is_transparent


async def test_an_empty_list_is_a_policy(serve):
    """`[]` denies by default; only None is off."""
    be = serve(roles=[], base_permissions=[])
    assert not be.guard.is_transparent
    assert await be("ann").status("GET", "api/status") == 403


async def test_base_permissions_hold_for_everybody_who_is_signed_in(serve):
    """With the usual base permissions a front end can start, and no more."""
    be = serve(roles=[])
    assert await be("ann").status("GET", "api/status") == 200
    assert await be("ann").status("GET", "api/kernelspecs") == 200
    assert await be("ann").status("GET", "api/contents/a") == 403
    assert await be("ann").status("POST", "api/shutdown", "") == 403
    assert await be("ann").status("PUT", "api/config/x", {}) == 403


async def test_base_permissions_can_be_denied(serve):
    """They count as any role does."""
    be = serve(roles=[allowing("read:contents", deny=["read:api"])])
    assert await be("ann").status("GET", "api/status") == 403
    assert await be("ann").status("GET", "api/kernelspecs") == 200


# ---------------------------------------------------------------------- errors while deciding


async def test_nobody_is_let_in_before_the_policy_is_read(serve):
    """A guard that is not ready refuses everybody, whatever the policy will say."""
    be = serve(roles=[allowing("*")])
    for policy in (be.guard.policy, None):
        be.guard.policy = policy
        be.guard.ready = False
        reply = await be("ann").fetch("GET", "api/status")
        assert (reply.code, json.loads(reply.body)["reason"]) == (403, "error")
        be.guard.ready = True


async def test_a_request_that_asks_nothing_is_denied(serve, monkeypatch):
    """A row whose questions all fall away lets nobody in."""
    be = serve(roles=[allowing("*")])

    async def nothing(*_, **__):
        return []

    monkeypatch.setattr("jupyter_authz.guard.http.questions", nothing)
    assert await be("ann").status("GET", "api/contents") == 403


async def test_an_error_while_deciding_denies(serve, monkeypatch, caplog):
    """An error in the engine is a denial, recorded as an error; the client hears nothing of it."""
    be = serve(roles=[allowing("*")])

    def broken(*_):
        raise ZeroDivisionError("a secret of the server")

    monkeypatch.setattr(type(be.guard.policy), "decide", broken)
    reply = await be("ann").fetch("GET", "api/status")
    answer = json.loads(reply.body)
    assert (reply.code, answer["reason"]) == (403, "error")
    assert b"secret" not in reply.body
    assert "ZeroDivisionError" in caplog.text
    assert answer["decision"] in caplog.text


async def test_an_error_while_finding_out_what_is_asked_denies(serve, monkeypatch):
    """So is an error in a manager that tells what a kernel is."""
    be = serve(roles=[allowing("*")])

    def broken(*_):
        raise OSError("no sessions")

    monkeypatch.setattr(be.app.session_manager, "list_sessions", broken)
    started = await be("ann").json("POST", "api/kernels", {})
    reply = await be("ann").fetch("DELETE", f"api/kernels/{started['id']}")
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, "error")
    monkeypatch.undo()
    assert await be("ann").status("DELETE", f"api/kernels/{started['id']}") == 204


@pytest.mark.parametrize("user", [object(), "", 7], ids=["no user", "no name", "a number"])
async def test_a_user_without_a_name_is_denied(serve, monkeypatch, user):
    """What an identity provider gives must have a name that something can be decided about."""
    be = serve(roles=[allowing("*")])
    monkeypatch.setattr(be.app.identity_provider, "get_user", lambda handler: user)
    assert await be("ann").status("GET", "api/status") == 403


async def test_groups_that_are_no_list_are_an_error(serve, monkeypatch):
    """A string would be taken for a list of letters."""
    be = serve(roles=[allowing("*")])
    get_user = be.app.identity_provider.get_user

    def lettered(handler):
        user = get_user(handler)
        user.groups = "manager"
        return user

    monkeypatch.setattr(be.app.identity_provider, "get_user", lettered)
    reply = await be("ann").fetch("GET", "api/status")
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, "error")


async def test_an_identity_provider_that_fails_lets_nobody_in(serve, monkeypatch):
    """An error while finding out who asks is an error, and answered."""
    be = serve(roles=[allowing("*")])

    def broken(handler):
        raise RuntimeError("no users")

    monkeypatch.setattr(be.app.identity_provider, "get_user", broken)
    assert await be("ann").status("GET", "api/status") == 403


async def test_an_identity_provider_that_is_cancelled_lets_nobody_in(serve, monkeypatch):
    """What it waited for may be cancelled; the client is answered all the same."""
    be = serve(roles=[allowing("*")])

    async def cancelled(handler):
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    monkeypatch.setattr(be.app.identity_provider, "get_user", cancelled)
    assert await be("ann").status("GET", "api/status") == 403


async def test_groups_of_users_and_of_the_configuration(serve):
    """Memberships come from the identity provider and from the configuration."""
    role = {"name": "team", "groups": ["team"], "allow": ["read:contents!path={group}/**"]}
    be = serve(roles=[role], groups={"team/a": ["cy"]})
    (be.root / "team/a").mkdir(parents=True)
    (be.root / "team/b").mkdir(parents=True)
    assert await be("cy").status("GET", "api/contents/team/a") == 200
    assert await be("cy").status("GET", "api/contents/team/b") == 403
    assert await be("di:team/b").status("GET", "api/contents/team/b") == 200
    assert await be("di:team/b").status("GET", "api/contents/team/a") == 403
    assert await be("ed").status("GET", "api/contents/team/a") == 403


# ---------------------------------------------------------------------- no server

WRONG = {
    "roles": [{"name": "a", "users": ["*"], "allow": ["reed:contents"]}],
    "base_permissions": ["read:contentz"],
    "groups": {"a": "ann"},
    "resources": {"a.B": {"typ": "contents"}},
    "role": [],
}


@pytest.mark.parametrize("trait", WRONG)
def test_a_wrong_configuration_stops_the_server(
    jp_server_config, jp_configurable_serverapp, trait, capfd
):
    """Whatever is wrong in the configuration, there is no server, and one message says what."""
    setattr(jp_server_config.JupyterAuthz, trait, WRONG[trait])
    with pytest.raises(SystemExit) as stopped:
        jp_configurable_serverapp(config=jp_server_config)
    assert stopped.value.code == 1
    said = capfd.readouterr().err
    assert "The server does not start" in said
    assert "Traceback" not in said
    word = {"roles": "reed", "base_permissions": "contentz", "groups": "ann",
            "resources": "typ", "role": "'c.JupyterAuthz.role'"}  # fmt: skip
    assert word[trait] in said


@pytest.mark.parametrize(
    ("target", "name"), [(Guard, "install"), (Routes, "all"), (application, "table_of")]
)
def test_a_guard_that_cannot_be_installed_stops_the_server(  # noqa: PLR0913, PLR0917
    jp_server_config, jp_configurable_serverapp, monkeypatch, capfd, target, name
):
    """An error of ours while starting is no reason to go on without us."""

    def broken(*_, **__):
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(target, name, broken)
    jp_server_config.JupyterAuthz.roles = []
    with pytest.raises(SystemExit):
        jp_configurable_serverapp(config=jp_server_config)
    assert "The guard could not be installed: broken" in capfd.readouterr().err


def start(home, configuration, *arguments, name="jupyter_server_config.py"):
    """Start a server with a configuration file; give exit status and output.

    One that starts is told to stop by its own extension.
    """
    config = home / "config"
    config.mkdir(parents=True)
    config.joinpath(name).write_text(textwrap.dedent(configuration))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "jupyter",
            "server",
            "--no-browser",
            "--allow-root",
            "--port=0",
            "--ServerApp.allow_root=True",
            *arguments,
        ],
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("c.JupyterAuthz.roles = [\n", "jupyter_server_config.py"),
        ("c.Jupyter_Authz.roles = []", "unknown section 'c.Jupyter_Authz'"),
        (
            "c.JupyterAuthz.roles.append({'name': 'a', 'users': ['*'], 'allow': ['reed']})",
            "'reed'",
        ),
        ("c.JupyterAuthz.roles = 'all'", "got 'all'"),
    ],
    ids=["broken", "section", "append", "type"],
)
def test_a_server_that_cannot_be_guarded_exits(tmp_path, configuration, said):
    """A real server exits with an error status, and says in a line what is wrong."""
    status, output = start(tmp_path, configuration)
    assert status == 1, output
    assert said in output
    assert "The server does not start" in output
