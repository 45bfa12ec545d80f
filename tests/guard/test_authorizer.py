"""Jupyter's own questions: answered by the same decisions, and never more than they allow."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import ClassVar

import pytest
from jupyter_server.auth import Authorizer
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from people import allowing
from serving import environment

from jupyter_authz import PolicyAuthorizer

PERMISSIONS = {
    "contents": ["read", "write", "execute"],
    "kernels": ["read", "write", "execute"],
    "server": ["read", "write"],
    "nothing": ["read"],
}


async def permissions(somebody, asked=None):
    """Ask `/api/me` for permissions."""
    query = json.dumps(asked or PERMISSIONS).replace('"', "%22").replace(" ", "")
    told = (await somebody.json("GET", f"api/me?permissions={query}"))["permissions"]
    return {kind: actions for kind, actions in told.items() if kind != "updatable_fields"}


ROLES = [
    allowing(
        "read,write:contents!path=a/**",
        "execute:kernels!path=b/**",
        deny=["write:contents!path=a/old/**", "read:server"],
        users=["ann"],
    )
]


async def test_permissions_of_me_mean_at_least_one(serve):
    """What `/api/me` tells is what a front end may show a button for."""
    be = serve(roles=ROLES)
    assert await permissions(be("ann")) == {
        "contents": ["read", "write"],
        "kernels": ["read", "write", "execute"],
        "server": [],
        "nothing": [],
    }
    # Base permissions: kernels of one's own.
    assert (await permissions(be("bob")))["kernels"] == ["read"]


async def test_permissions_without_a_policy(serve):
    """Without a policy everybody has them all."""
    be = serve()
    assert await permissions(be("ann")) == PERMISSIONS


async def test_an_error_in_permissions_is_a_no(serve, monkeypatch):
    """`/api/me` is answered whatever happens."""
    be = serve(roles=[allowing("*")])
    decide = type(be.guard.policy).decide

    def broken(self, subject, question):
        if question.scope == "any":
            raise ValueError("broken")
        return decide(self, subject, question)

    monkeypatch.setattr(type(be.guard.policy), "decide", broken)
    assert (await permissions(be("ann"), {"contents": ["read"]})) == {"contents": []}


@pytest.mark.usefixtures("original_hook")
@pytest.mark.parametrize("roles", [None, ROLES], ids=["alone", "with a policy"])
async def test_permissions_tell_what_the_hook_says(serve, monkeypatch, roles):
    """A front end hears of no permission that the hook would refuse."""

    async def reading(self, user, action, resource):
        if resource == "kernels":
            raise ValueError("broken")
        return action == "read"

    monkeypatch.setattr(JupyterHandler, "user_is_authorized", reading)
    be = serve(roles=roles)
    told = await permissions(be("ann"))
    assert told["contents"] == ["read"]
    assert told["kernels"] == []


# ---------------------------------------------------------------------- who asks


@pytest.mark.usefixtures("hostile")
async def test_authorized_gets_the_decision(serve):
    """`@authorized` remembers the first question it ever asked; it gets this request's answer."""
    be = serve(roles=[allowing("read:reports", "write:diagrams")], base_permissions=[])
    for _ in range(2):
        assert await be("ann").status("GET", "hostile/Authorized") == 200
        assert await be("ann").status("POST", "hostile/Authorized", "") == 403
        assert await be("ann").status("GET", "hostile/AuthorizedAgain") == 403
        assert await be("ann").status("POST", "hostile/AuthorizedAgain", "") == 200


async def test_other_questions_are_strict(serve):
    """Code that asks about a type hears of every resource of it, not of some."""
    answers = {}

    class Asks(APIHandler):
        async def get(self):
            for action, resource in (
                ("read", "contents"),
                ("read", "api"),
                ("write", "contents"),
                ("eat", "api"),
            ):
                answer = self.authorizer.is_authorized(self, self.current_user, action, resource)
                answers[action, resource] = answer
            self.finish("{}")

    be = serve(
        roles=[
            allowing(
                "read:contents!path=a/**",
                "write:contents",
                "execute:ext.people",
                deny=["write:contents!path=b/**"],
            )
        ]
    )
    be.add(("asks", Asks))
    await be("ann").json("GET", "asks")
    assert answers == {
        ("read", "contents"): False,
        ("read", "api"): True,
        ("write", "contents"): False,
        ("eat", "api"): False,
    }


async def test_a_method_of_the_same_name_is_not_the_decorator(serve):
    """Only Jupyter's own decorator gets the request's decision."""
    heard = []

    def inner(self):
        return self.authorizer.is_authorized(self, self.current_user, "write", "server")

    class Asks(APIHandler):
        def get(self):
            heard.append(inner(self))
            self.finish("{}")

    be = serve(roles=[allowing("execute:ext.people")])
    be.add(("asks", Asks))
    await be("ann").json("GET", "asks")
    assert heard == [False]


async def test_outside_of_a_request_nothing_is_settled(serve):
    """Without an admission `@authorized`'s question is taken at its word, and strictly."""
    be = serve(roles=[allowing("read:contents!path=a/**")])
    authorizer = be.web_app.settings["authorizer"]

    class Handler:
        settings = be.web_app.settings

    assert authorizer.is_authorized(Handler(), None, "read", "contents") is False


# ---------------------------------------------------------------------- an operator's own


class OnlyReading(Authorizer):
    """An authorizer somebody had configured before."""

    asked: ClassVar[list] = []

    async def is_authorized(self, handler, user, action, resource):
        """Allow reading."""
        self.asked.append((action, resource))
        return action == "read"


class Truthy(Authorizer):
    """An authorizer with an answer that is no answer."""

    def is_authorized(self, handler, user, action, resource):
        """Give something truthy."""
        return "yes"


async def test_the_authorizer_of_the_operator_means_what_it_meant_without_a_policy(
    serve, jp_server_config
):
    """Without a policy even a truthy answer counts, as on a bare server."""
    jp_server_config.ServerApp.authorizer_class = Truthy
    be = serve()
    assert await be("ann").status("GET", "api/contents") == 200


@pytest.mark.parametrize("roles", [[allowing("*")], None], ids=["policy", "transparent"])
async def test_an_authorizer_of_the_operator_keeps_being_asked(serve, jp_server_config, roles):
    """It is asked as Jupyter Server asks it, and only narrows."""
    jp_server_config.ServerApp.authorizer_class = OnlyReading
    OnlyReading.asked.clear()
    be = serve(roles=roles)
    assert await be("ann").status("GET", "api/contents") == 200
    assert await be("ann").status("POST", "api/contents", {}) == 403
    assert OnlyReading.asked == [("read", "contents"), ("write", "contents")]
    assert await permissions(be("ann"), {"contents": ["read", "write"]}) == {"contents": ["read"]}


async def test_an_authorizer_of_the_operator_does_not_widen(serve, jp_server_config):
    """What the policy denies stays denied, and the other is not asked."""
    jp_server_config.ServerApp.authorizer_class = OnlyReading
    OnlyReading.asked.clear()
    be = serve(roles=[])
    assert await be("ann").status("GET", "api/contents") == 403
    assert await permissions(be("ann"), {"contents": ["read", "write"]}) == {"contents": []}
    assert OnlyReading.asked == []


async def test_only_true_of_an_authorizer_agrees(serve, jp_server_config):
    """A truthy answer is none, once there is a policy."""
    jp_server_config.ServerApp.authorizer_class = Truthy
    be = serve(roles=[allowing("*")])
    assert await be("ann").status("GET", "api/contents") == 403


async def test_set_as_the_authorizer_itself(serve, jp_server_config):
    """With the extension enabled it may be configured as well, and is asked once."""
    jp_server_config.ServerApp.authorizer_class = PolicyAuthorizer
    be = serve(roles=ROLES)
    installed = be.web_app.settings["authorizer"]
    assert isinstance(installed, PolicyAuthorizer)
    assert installed.previous is None
    assert await be("ann").status("GET", "api/status") == 200


def start(tmp_path, *arguments):
    """Start a server that is expected not to start; give exit status and output."""
    tmp_path.joinpath("home").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "jupyter",
            "server",
            "--no-browser",
            "--allow-root",
            "--port=0",
            *arguments,
        ],
        env=environment(tmp_path / "home"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_server_with_a_disabled_extension_does_not_start(tmp_path):
    """`authorizer_class` alone guards nothing, so the server does not start."""
    status, output = start(
        tmp_path,
        "--ServerApp.authorizer_class=jupyter_authz.PolicyAuthorizer",
        "--ServerApp.jpserver_extensions={'jupyter_authz': False}",
    )
    assert status == 1
    assert "jupyter_authz is not enabled" in output
    assert "The server does not start" in output
