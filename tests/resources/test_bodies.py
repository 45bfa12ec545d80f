"""A bad body is a bad request, and has no side effect."""

from __future__ import annotations

import pytest
from people import allowing

TEXT = {"type": "file", "format": "text", "content": "x"}
KERNEL = {"name": "python3"}
BODIES = [
    ("POST", "api/sessions", {"path": "x.ipynb", "type": {}, "kernel": KERNEL}),
    ("POST", "api/sessions", {"path": "x.ipynb", "type": ["a"], "kernel": KERNEL}),
    ("POST", "api/sessions", {"path": "x.ipynb", "type": 5, "kernel": KERNEL}),
    ("POST", "api/sessions", {"path": "x.ipynb", "type": "a", "name": [], "kernel": KERNEL}),
    ("POST", "api/sessions", {"notebook": "path", "kernel": KERNEL}),
    ("PATCH", "api/sessions/{session}", {"kernel": KERNEL, "type": {}}),
    ("PATCH", "api/sessions/{session}", {"kernel": KERNEL, "name": []}),
    ("PATCH", "api/sessions/{session}", {"name": 5}),
    ("PATCH", "api/sessions/{session}", {"notebook": 5}),
    ("POST", "api/contents/d", {"type": 5}),
    ("POST", "api/contents/d", {"type": ["notebook"]}),
    ("POST", "api/contents/d", {"copy_from": ["a"]}),
    ("PUT", "api/contents/d/new.txt", {**TEXT, "type": 5}),
    ("PUT", "api/contents/d/new.txt", {**TEXT, "path": 5}),
    ("PUT", "api/contents/d/new.txt", {**TEXT, "format": []}),
    ("PATCH", "api/contents/d/a.txt", {"path": None}),
    ("PATCH", "api/contents/d/a.txt", {"path": 5}),
    ("PUT", "api/collaboration/session/d/a.txt", {}),
    ("PUT", "api/collaboration/session/d/a.txt", {"format": "text", "type": 5}),
    ("POST", "api/terminals", {"cwd": "\0"}),
    ("POST", "api/kernels", "[" * 5000),
    ("POST", "api/sessions", "[]"),
    # Nothing that a request could be about, afterwards.
    ("POST", "api/sessions", {"path": "x.ipynb", "type": "a", "kernel": None}),
    ("POST", "api/sessions", {"path": "x.ipynb", "type": "a", "kernel": {"id": "a/b"}}),
    ("PATCH", "api/sessions/{session}", {"kernel": None}),
    ("POST", "api/kernels", {"kernel_id": "mine"}),
    ("POST", "api/kernels", {"kernel_id": "a-b-c-d-e\n"}),
    ("POST", "api/terminals", {"name": "a/b"}),
    ("PATCH", "api/contents/d/a.txt", {"path": "/"}),
    ("PUT", "api/contents/d/new.txt", b'{"type": "file", "content": "\xff"}'),
    ("POST", "api/terminals", {"cwd": "x" * 300}),
    ("PUT", "api/contents/d/new.ipynb", {"type": "notebook", "content": 5}),
    ("PUT", "api/contents/d/new.ipynb", {"type": "notebook", "content": {"cells": 5}}),
    ("PUT", "api/contents/d/new.ipynb", {"type": "notebook", "content": {"cells": [5]}}),
    ("PUT", "api/contents/d/new.ipynb", {"type": "notebook", "content": {"nbformat_minor": "x"}}),
    ("PATCH", "api/me", "5"),
    ("PUT", "lab/api/workspaces/x", "[]"),
    ("PUT", "lab/api/workspaces/x", {"data": 5, "metadata": {"id": "x"}}),
    ("PUT", "lab/api/workspaces/x", {"data": {}, "metadata": 5}),
    ("PUT", "lab/api/workspaces/x", {"data": {}, "metadata": {"id": 5}}),
    ("PUT", "lab/api/workspaces/x", {"data": {}, "metadata": {}}),
    ("POST", "api/sessions", {"path": "a\0.ipynb", "type": "a"}),
    ("POST", "api/kernels", {"path": "\0"}),
    # Half characters, which JSON can write.
    ("POST", "api/sessions", {"path": "\ud800.ipynb", "type": "a"}),
    ("POST", "api/sessions", {"path": "x.ipynb", "type": "\udfff"}),
    ("PATCH", "api/sessions/{session}", {"name": "\ud800"}),
    ("POST", "api/kernels", {"path": "\ud800"}),
    ("POST", "api/terminals", {"cwd": "\ud800"}),
    ("POST", "api/contents/d", {"type": "file", "ext": "\ud800"}),
    ("PATCH", "api/contents/d/a.txt", {"path": "d/\ud800"}),
    ("PUT", "api/contents/d/new.txt", {**TEXT, "name": "\ud800"}),
]


@pytest.fixture
def be(serve, jp_server_config):
    """Run a server on which ann may do everything."""
    jp_server_config.ServerApp.jpserver_extensions.update(
        jupyter_server_ydoc=True, jupyter_server_fileid=True, jupyterlab=True
    )
    be = serve(roles=[allowing("*")])
    be.write(d__a_txt="a")
    return be


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_a_bad_body_does_nothing(be, method, path, body):
    """Nothing is started, stored or made."""
    ann = be("ann")
    made = await ann.json("POST", "api/sessions", {"path": "s.ipynb", "type": "notebook"})
    before = [await ann.json("GET", where) for where in ("api/contents/d", "api/terminals")]
    assert await ann.status(method, path.format(session=made["id"]), body) == 400
    after = [await ann.json("GET", where) for where in ("api/contents/d", "api/terminals")]
    assert [[e["name"] for e in x["content"]] for x in (before[0], after[0])] == [["a.txt"]] * 2
    assert before[1] == after[1]
    (session,) = await ann.json("GET", "api/sessions")
    (kernel,) = await ann.json("GET", "api/kernels")
    assert (session["name"], session["type"]) == (made["name"], "notebook")
    assert kernel["id"] == session["kernel"]["id"] == made["kernel"]["id"]
