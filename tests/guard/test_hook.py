"""The hook: asked every question, whatever form it has, and only True agrees."""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import re
import subprocess
import sys
import textwrap

import pytest
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from people import allowing
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError, RequestHandler

from jupyter_authz.guard import hook
from jupyter_authz.guard.admission import admission_of

pytestmark = pytest.mark.usefixtures("original_hook")


@pytest.fixture
def asked(monkeypatch):
    """Give the list of what the hook was asked, and install one that agrees."""
    questions = []

    def agrees(self, user, action, resource):
        questions.append((action, resource))
        return True

    monkeypatch.setattr(JupyterHandler, "user_is_authorized", agrees)
    return questions


def replace(monkeypatch, function):
    """Put a hook in place by plain assignment, as a configuration file does."""
    monkeypatch.setattr(JupyterHandler, "user_is_authorized", function)


NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
LABELS = [
    ("GET", "api/contents/a.txt", None, [("read", "contents")]),
    ("GET", "files/a.txt", None, [("read", "contents")]),
    ("GET", "view/a.txt", None, [("read", "contents")]),
    (
        "PUT",
        "api/contents/a.txt",
        {"type": "file", "format": "text", "content": ""},
        [("write", "contents")],
    ),
    ("POST", "api/contents", {"copy_from": "a.txt"}, [("write", "contents"), ("read", "contents")]),
    (
        "PATCH",
        "api/contents/a.txt",
        {"path": "b.txt"},
        [("write", "contents"), ("read", "contents")],
    ),
    ("GET", "api/contents/b.txt/checkpoints", None, [("read", "checkpoints")]),
    (
        "POST",
        "api/contents/b.txt/checkpoints/checkpoint",
        None,
        [("write", "checkpoints"), ("write", "contents")],
    ),
    (
        "POST",
        "api/contents/a.ipynb/trust",
        None,
        [("write", "trust_notebook"), ("read", "contents")],
    ),
    ("GET", "nbconvert/html/a.ipynb", None, [("read", "nbconvert"), ("read", "contents")]),
    ("GET", "api/kernels", None, [("read", "kernels")]),
    ("POST", "api/kernels", {"name": "none"}, [("write", "kernels"), ("execute", "kernels")]),
    (
        "POST",
        "api/sessions",
        {"path": "a.ipynb", "type": "notebook", "kernel": {"name": "none"}},
        [("write", "sessions"), ("execute", "kernels")],
    ),
    (
        "POST",
        "api/kernels/00000000-0000-0000-0000-000000000000/restart",
        None,
        [("write", "kernels"), ("execute", "kernels")],
    ),
    (
        "POST",
        "api/kernels/00000000-0000-0000-0000-000000000000/interrupt",
        None,
        [("write", "kernels")],
    ),
    ("GET", "api/kernelspecs", None, [("read", "kernelspecs")]),
    ("GET", "api/terminals", None, [("read", "terminals")]),
    ("GET", "api/me", None, [("read", "identity")]),
    ("GET", "api/config/notebook", None, [("read", "config")]),
    ("PUT", "api/config/notebook", {}, [("write", "config"), ("execute", "config")]),
]


@pytest.mark.parametrize(("verb", "path", "body", "expected"), LABELS, ids=lambda _: None)
async def test_every_question_is_asked_the_verb_question_first(  # noqa: PLR0913, PLR0917
    serve, asked, verb, path, body, expected
):
    """The hook hears all that a request asks, by action and resource, the verb's first."""
    be = serve()
    be.write(a_txt="x", b_txt="x", a_ipynb=json.dumps(NOTEBOOK))
    await be("ann").fetch(verb, path, body)
    assert asked == expected


# ---------------------------------------------------------------------- its forms


def plain(self, user, action, resource):
    return user.username == "ann"


def without_resource(self, user, action):
    return user.username == "ann"


def with_default(self, user, action, resource=None):
    assert resource == "api"
    return user.username == "ann"


async def asynchronous(self, user, action, resource):
    await asyncio.sleep(0)
    return user.username == "ann"


async def asynchronous_without_resource(self, user, action):
    return user.username == "ann"


def anything(self, *args, **kwargs):
    return args[0].username == "ann"


class Callable:
    """An instance is no method: it gets no handler."""

    def __call__(self, user, action, resource):
        return user.username == "ann"


FORMS = [
    plain,
    without_resource,
    with_default,
    asynchronous,
    asynchronous_without_resource,
    anything,
    Callable(),
    staticmethod(lambda user, action, resource: user.username == "ann"),
    functools.partialmethod(plain),
]


def name_of(value):
    """Give what a test is called by, the same in every process."""
    return re.sub(r" at 0x\w+", "", hook.describe(value))


@pytest.mark.parametrize("form", FORMS, ids=name_of)
async def test_forms_of_a_hook(serve, monkeypatch, form):
    """A hook may be a function, sync or async, with or without resource."""
    replace(monkeypatch, form)
    be = serve()
    assert await be("ann").status("GET", "api/status") == 200
    reply = await be("bob").fetch("GET", "api/status")
    assert reply.code == 403
    assert json.loads(reply.body)["reason"] == "hook"


@pytest.mark.parametrize(
    "answer", [None, 1, "yes", [True], object(), asyncio.sleep, False, 0], ids=name_of
)
async def test_only_true_agrees(serve, monkeypatch, caplog, answer):
    """None, a truthy value and a function are no agreement, and the log names who gave them."""
    replace(monkeypatch, lambda self, user, action, resource: answer)
    be = serve()
    assert await be("ann").status("GET", "api/status") == 403
    warned = "expected True or False" in caplog.text
    assert warned == (answer is not False)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_coroutine_is_not_true(serve, monkeypatch):
    """A coroutine that gives a coroutine does not agree."""

    async def inner():
        return True

    async def nested(self, user, action, resource):
        return inner()

    replace(monkeypatch, nested)
    be = serve()
    assert await be("ann").status("GET", "api/status") == 403
    gc.collect()


class Unusual(BaseException):
    """No usual exception."""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("broken"), "error"),
        (HTTPError(404), "hook"),
        (SystemExit(1), "error"),
        (GeneratorExit(), "error"),
        (KeyboardInterrupt(), "error"),
        (Unusual(), "error"),
    ],
    ids=repr,
)
async def test_a_hook_that_raises_denies(serve, monkeypatch, error, reason):
    """Whatever a hook raises, the request is denied, and answered as a denial."""

    def raises(self, user, action, resource):
        raise error

    replace(monkeypatch, raises)
    be = serve(roles=[allowing("*")])
    reply = await be("ann").fetch("GET", "api/status")
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, reason)


async def test_a_hook_that_cannot_be_called_denies(serve, monkeypatch):
    """A hook of another form is an error."""
    be = serve()
    replace(monkeypatch, lambda self, user: True)
    reply = await be("ann").fetch("GET", "api/status")
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, "error")


async def test_a_hook_that_is_deleted_is_no_hook(serve, monkeypatch):
    """Without a policy and without any hook the guard is transparent."""
    be = serve()
    monkeypatch.delattr(JupyterHandler, "user_is_authorized")
    assert await be("ann").status("GET", "api/status") == 200


# ---------------------------------------------------------------------- what it sees


async def test_a_hook_sees_the_request(serve, monkeypatch):
    """The hook has the handler's class, arguments, managers and user at hand."""
    from jupyter_server.services.contents.handlers import ContentsHandler
    from tornado.websocket import WebSocketHandler

    seen = {}

    def look(self, user, action, resource):
        seen.update(
            contents=isinstance(self, ContentsHandler),
            websocket=isinstance(self, WebSocketHandler),
            name=self.__class__.__name__,
            path=self.path_kwargs.get("path"),
            user=self.current_user is user,
            manager=self.contents_manager.root_dir,
            method=self.request.method,
        )
        return True

    replace(monkeypatch, look)
    be = serve()
    await be("ann").fetch("GET", "api/contents/a%20b")
    assert seen == {
        "contents": True,
        "websocket": False,
        "name": "ContentsHandler",
        "path": "/a b",
        "user": True,
        "manager": str(be.root),
        "method": "GET",
    }


# ---------------------------------------------------------------------- with the policy


async def test_policy_and_hook_must_agree(serve, monkeypatch):
    """Neither lets through what the other refuses."""
    replace(monkeypatch, lambda self, user, action, resource: action == "read")
    be = serve(roles=[allowing("read,write:contents", users=["ann"])], base_permissions=[])
    assert await be("ann").status("GET", "api/contents") == 200
    assert await be("ann").status("POST", "api/contents", {}) == 403
    assert await be("bob").status("GET", "api/contents") == 403


async def test_the_policy_is_asked_first(serve, asked):
    """A hook need not answer for what the policy refuses."""
    be = serve(roles=[], base_permissions=[])
    assert await be("ann").status("GET", "api/contents") == 403
    assert asked == []


async def test_public_routes_and_nobody_do_not_reach_the_hook(serve, asked):
    """The hook is asked about users only."""
    be = serve()
    assert await be().status("GET", "api") == 200
    assert await be().status("GET", "api/contents") == 403
    assert asked == []


# ---------------------------------------------------------------------- execute


def no_execute(self, user, action, resource):
    return action != "execute"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("api/kernels", {}),
        ("api/sessions", {"path": "a.ipynb", "type": "notebook", "name": "a", "kernel": {}}),
        ("api/terminals", {}),
    ],
)
async def test_denying_execute_starts_nothing(serve, monkeypatch, path, body):
    """No kernel, no session and no terminal is started, and no process is left behind."""
    import psutil

    replace(monkeypatch, no_execute)
    be = serve()
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    assert await be("ann").status("POST", path, body) == 403
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert await be("ann").json("GET", "api/kernels") == []
    assert await be("ann").json("GET", "api/sessions") == []
    assert await be("ann").json("GET", "api/terminals") == []


async def test_a_kernel_websocket_asks_before_the_handshake(serve, monkeypatch):
    """`execute` on `channels` is asked, and refused before the websocket is open."""
    asked = []

    def note(self, user, action, resource):
        asked.append((action, resource))
        return action != "execute"

    replace(monkeypatch, note)
    be = serve()
    with pytest.raises(HTTPClientError) as refused:
        await be("ann").connect("api/kernels/00000000-0000-0000-0000-000000000000/channels")
    assert refused.value.code == 403
    assert asked == [("execute", "channels")]


async def test_a_terminal_websocket_asks_to_execute(serve, asked):
    """So does the websocket of a terminal, which could start a shell."""
    be = serve()
    with pytest.raises(HTTPClientError):
        await be("ann").connect("terminals/websocket/nothing")
    assert asked == [("execute", "terminals")]


# ---------------------------------------------------------------------- called by code


async def test_code_may_ask_on_every_handler(serve):
    """`self.user_is_authorized(...)` gives a bool, on handlers of every kind."""

    def ask(self):
        user = admission_of(self).user
        return [
            self.user_is_authorized(user, "read", "api"),
            self.user_is_authorized(user, "write", "api"),
            self.user_is_authorized(user, "execute"),
            self.user_is_authorized(user, "eat", "api"),
            self.user_is_authorized(None, "read", "api"),
            self.user_is_authorized(user, "read", "nothing"),
            # Strict: not every file may be read.
            self.user_is_authorized(user, "read", "contents"),
        ]

    class Api(APIHandler):
        def get(self):
            self.finish({"answers": ask(self)})

    class Plain(RequestHandler):
        def get(self):
            self.finish({"answers": ask(self)})

    be = serve(
        roles=[allowing("read:api", "execute:ext.people", "read:contents!path=a/**")],
        base_permissions=[],
    )
    be.add(("jupyter", Api), ("plain", Plain))
    expected = [True, False, True, False, False, False, False]
    for path in ("jupyter", "plain"):
        assert await be("ann").json("GET", path) == {"answers": expected}


async def test_code_on_a_plain_handler_asks_the_hook(serve, monkeypatch):
    """A hook that a configuration file put in place is asked from plain handlers, too."""

    class Plain(RequestHandler):
        def get(self):
            self.finish({"answer": self.user_is_authorized("ann", "write", "contents")})

    replace(monkeypatch, lambda self, user, action: action != "write")
    be = serve()
    be.add(("plain", Plain))
    assert await be("ann").json("GET", "plain") == {"answer": False}


async def test_code_gets_true_without_a_policy(serve):
    """Where nothing is asked, everything is allowed."""

    class Plain(RequestHandler):
        def get(self):
            self.finish({"answer": self.user_is_authorized(None, "execute", "kernels")})

    be = serve()
    be.add(("plain", Plain))
    assert await be("ann").json("GET", "plain") == {"answer": True}


# ---------------------------------------------------------------------- from a file

CONFIGURATIONS = {
    "before": """
        from jupyter_server.base.handlers import JupyterHandler

        def user_is_authorized(self, user, action, resource):
            return action == "read"

        JupyterHandler.user_is_authorized = user_is_authorized
        """,
    "after": """
        import jupyter_authz
        from jupyter_server.base.handlers import JupyterHandler

        JupyterHandler.user_is_authorized = lambda self, user, action: action == "read"
        """,
}


@pytest.mark.parametrize("when", CONFIGURATIONS)
def test_plain_assignment_in_a_configuration_file(tmp_path, when):
    """Before or after this package is imported, the hook of the file is the one that counts."""
    text = textwrap.dedent(CONFIGURATIONS[when]) + textwrap.dedent("""
        import jupyter_authz
        from jupyter_authz.guard import hook
        assert hook.replaced() is JupyterHandler.user_is_authorized
        assert hook.replaced() is not hook.user_is_authorized
        """)
    subprocess.run([sys.executable, "-W", "ignore", "-c", text], check=True, cwd=tmp_path)


@pytest.mark.parametrize("wrong", [None, 1, "module.function", lambda _: True])
async def test_what_cannot_be_called_stops_the_server(serve, capfd, monkeypatch, wrong):
    """A hook of None is no hook, and no hook would let everybody do everything."""
    monkeypatch.setattr(JupyterHandler, "user_is_authorized", wrong, raising=False)
    with pytest.raises(SystemExit):
        serve()
    assert "expected a function" in capfd.readouterr().err


async def test_a_cancelled_hook_denies(serve, monkeypatch):
    """What the hook awaited may be cancelled; the client is answered all the same."""

    async def cancelled(self, user, action, resource):
        raise asyncio.CancelledError

    be = serve()
    monkeypatch.setattr(JupyterHandler, "user_is_authorized", cancelled)
    assert await be("ann").status("GET", "api/contents") == 403


async def test_none_assigned_later_denies(serve, monkeypatch):
    """What was put in place of the hook while the server runs is asked, and agrees to nothing."""
    be = serve()
    monkeypatch.setattr(JupyterHandler, "user_is_authorized", None)
    assert await be("ann").status("GET", "api/contents") == 403
