"""Who starts a kernel, session or terminal owns it, and it is where it was started."""

from __future__ import annotations

import asyncio
import json

import pytest
from people import allowing
from tornado.httpclient import HTTPClientError

from jupyter_authz.resources.started import started

OWN = allowing("execute:compute!owner={username}", users=["ann", "bob"], name="own")
ROLES = [
    OWN,
    allowing("*", users=["root"], name="root"),
    allowing("execute:compute!path=a/**", users=["cy"], name="cy"),
    allowing("execute:compute!path=b/**", users=["di"], name="di"),
    allowing("execute:compute!path=a/x.ipynb", users=["ed"], name="ed"),
]
STAND_IN = "1ab551ea-0c1d-4d6e-9f00-0123456789ab"


class Something:
    """Stands for a kernel."""


@pytest.fixture
def be(serve):
    """Run a server on which people may do everything with what they have started."""
    be = serve(roles=ROLES, base_permissions=[])
    for name in ("a", "b"):
        (be.root / name).mkdir()
    return be


def session(path, **kernel):
    """Give the body that starts a session."""
    return {"path": path, "name": path, "type": "notebook", "kernel": kernel}


async def refused(someone, path):
    """Whether a websocket is refused at the handshake; else it is closed again."""
    try:
        connection = await someone.connect(path)
    except HTTPClientError as error:
        return error.code == 403
    connection.close()
    while await connection.read_message() is not None:
        pass
    # The server closes its sockets to the kernel.
    await asyncio.sleep(0.5)
    return False


async def test_who_starts_a_kernel_owns_it(be):
    """It is theirs alone, by whatever route it is reached."""
    ann, bob = be("ann"), be("bob")
    kernel = (await ann.json("POST", "api/kernels", {}))["id"]
    assert [k["id"] for k in await ann.json("GET", "api/kernels")] == [kernel]
    assert await bob.json("GET", "api/kernels") == []
    for method, path in (("GET", ""), ("POST", "/interrupt"), ("POST", "/restart"), ("DELETE", "")):
        assert await bob.status(method, f"api/kernels/{kernel}{path}") == 403
    assert await bob.status("POST", "api/sessions", session("a/x.ipynb", id=kernel)) == 403
    assert await refused(bob, f"api/kernels/{kernel}/channels")
    assert not await refused(ann, f"api/kernels/{kernel}/channels")
    assert await ann.status("POST", "api/sessions", session("a/x.ipynb", id=kernel)) == 201
    assert await ann.status("DELETE", f"api/kernels/{kernel}") == 204


async def test_restarts_do_not_change_the_owner(be):
    """Neither one's own nor those of others."""
    kernel = (await be("ann").json("POST", "api/kernels", {}))["id"]
    for someone in ("ann", "root"):
        assert await be(someone).status("POST", f"api/kernels/{kernel}/restart") == 200
        # The reply comes before the kernel does, whose socket is closed only then.
        restarted = be.web_app.settings["kernel_manager"].get_kernel(kernel)
        while restarted._pending_restart_cleanup is not None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        assert await be("ann").status("GET", f"api/kernels/{kernel}") == 200
        assert await be("bob").status("GET", f"api/kernels/{kernel}") == 403


async def test_who_starts_a_session_owns_it_and_its_kernel(be):
    """A session of another on the same kernel is theirs; the kernel is not."""
    ann, bob, root = be("ann"), be("bob"), be("root")
    mine = await ann.json("POST", "api/sessions", session("a/x.ipynb"))
    kernel = mine["kernel"]["id"]
    theirs = await root.json("POST", "api/sessions", session("a/y.ipynb", id=kernel))
    assert [s["id"] for s in await ann.json("GET", "api/sessions")] == [mine["id"]]
    assert await bob.json("GET", "api/sessions") == []
    assert await ann.status("GET", f"api/sessions/{theirs['id']}") == 403
    assert await bob.status("GET", f"api/sessions/{mine['id']}") == 403
    assert await bob.status("DELETE", f"api/sessions/{mine['id']}") == 403
    assert await ann.status("GET", f"api/kernels/{kernel}") == 200
    # The path of a session gives the session that it has: whoever asks must be its owner.
    assert await bob.status("POST", "api/sessions", session("a/x.ipynb")) == 403


async def test_who_changes_the_kernel_of_a_session_owns_the_new_one(be):
    """A kernel that a change of a session starts belongs to who changed it."""
    ann, root = be("ann"), be("root")
    mine = await ann.json("POST", "api/sessions", session("a/x.ipynb"))
    change = {"kernel": {"name": "python3"}}
    changed = await root.json("PATCH", f"api/sessions/{mine['id']}", change)
    assert changed["kernel"]["id"] != mine["kernel"]["id"]
    assert await ann.status("GET", f"api/kernels/{changed['kernel']['id']}") == 403
    assert await ann.status("GET", f"api/sessions/{mine['id']}") == 200
    assert await be("cy").status("GET", f"api/kernels/{changed['kernel']['id']}") == 200
    assert await be("di").status("GET", f"api/kernels/{changed['kernel']['id']}") == 403


async def test_asking_for_a_kernel_again_does_not_make_it_ones_own(be):
    """Nor does choosing the id of one that is gone make the new one the other's."""
    ann, root = be("ann"), be("root")
    kernel = (await ann.json("POST", "api/kernels", {}))["id"]
    again = await root.json("POST", "api/kernels", {"kernel_id": kernel})
    assert again["id"] == kernel
    assert await ann.status("GET", f"api/kernels/{kernel}") == 200
    assert await ann.status("DELETE", f"api/kernels/{kernel}") == 204
    await root.json("POST", "api/kernels", {"kernel_id": kernel})
    assert await ann.status("GET", f"api/kernels/{kernel}") == 403


async def test_a_kernel_stays_where_it_was_started(be):
    """Its directory counts as the paths of its sessions do, whichever came first."""
    root, cy, di = be("root"), be("cy"), be("di")
    kernel = (await root.json("POST", "api/kernels", {"path": "a"}))["id"]
    assert await cy.status("GET", f"api/kernels/{kernel}") == 200
    assert await di.status("GET", f"api/kernels/{kernel}") == 403
    await root.json("POST", "api/sessions", session("b/x.ipynb", id=kernel))
    assert await cy.status("GET", f"api/kernels/{kernel}") == 403
    assert await di.status("GET", f"api/kernels/{kernel}") == 403
    moved = await root.json("POST", "api/sessions", session("a/x.ipynb"))
    assert await cy.status("GET", f"api/kernels/{moved['kernel']['id']}") == 200
    await root.json("PATCH", f"api/sessions/{moved['id']}", {"path": "b/y.ipynb"})
    assert await cy.status("GET", f"api/kernels/{moved['kernel']['id']}") == 403
    assert await di.status("GET", f"api/kernels/{moved['kernel']['id']}") == 403
    assert await be("cy").json("GET", "api/kernels") == []


async def test_two_who_start_at_once(be):
    """What each starts is theirs, however their requests are interleaved."""
    people = [be(name) for name in ("ann", "bob", "ann", "bob")]
    found = await asyncio.gather(*(one.json("POST", "api/kernels", {}) for one in people))
    for name, other, kernel in zip("abab", "baba", found, strict=True):
        names = {"a": "ann", "b": "bob"}
        assert await be(names[name]).status("GET", f"api/kernels/{kernel['id']}") == 200
        assert await be(names[other]).status("GET", f"api/kernels/{kernel['id']}") == 403


async def test_what_is_started_for_nobody_is_nobodys(be):
    """A kernel that the server starts by itself belongs to nobody."""
    kernel = await be.web_app.settings["kernel_manager"].start_kernel(path="a")
    assert await be("ann").status("GET", f"api/kernels/{kernel}") == 403
    assert await be("cy").status("GET", f"api/kernels/{kernel}") == 200


async def test_what_is_gone_is_forgotten(be):
    """Nothing is kept about kernels and sessions that are no more."""
    noted = started(be.web_app.settings)
    ann = be("ann")
    for number in range(3):
        made = await ann.json("POST", "api/sessions", session(f"a/{number}.ipynb"))
        assert len(noted._sessions) == 1
        assert await ann.status("DELETE", f"api/sessions/{made['id']}") == 204
    before = len(noted._running)
    kernel = Something()
    noted.note(kernel, "a")
    assert len(noted._running) == before + 1
    del kernel
    assert len(noted._running) == before


async def test_terminals(be):
    """A terminal belongs to who started it, and is where it was started."""
    ann, bob, cy, di = (be(name) for name in ("ann", "bob", "cy", "di"))
    mine = (await ann.json("POST", "api/terminals", {}))["name"]
    placed = (await cy.json("POST", "api/terminals", {"cwd": "a"}))["name"]
    for someone, shown in ((ann, [mine]), (bob, []), (cy, [placed]), (di, [])):
        assert [t["name"] for t in await someone.json("GET", "api/terminals")] == shown
    for someone in (bob, cy, di):
        assert await someone.status("GET", f"api/terminals/{mine}") == 403
        assert await someone.status("DELETE", f"api/terminals/{mine}") == 403
        assert await refused(someone, f"terminals/websocket/{mine}")
    assert not await refused(ann, f"terminals/websocket/{mine}")
    assert not await refused(cy, f"terminals/websocket/{placed}")
    # Taking its name would take its place.
    assert await bob.status("POST", "api/terminals", {"name": mine}) == 403
    assert await cy.status("DELETE", f"api/terminals/{placed}") == 204
    assert await ann.status("DELETE", f"api/terminals/{mine}") == 204


async def test_what_a_terminal_is_started_with(be):
    """Only where it starts and its name; the rest of the body would reach the shell."""
    ann = be("ann")
    hurt = be.root / "hurt"
    body = {
        "name": "mine",
        "shell_command": ["/bin/sh", "-c", f"echo x > {hurt}; cat"],
        "extra_env": {"PATH": "/nowhere"},
        "cwd": str(be.root / "a"),
    }
    assert (await ann.json("POST", "api/terminals", body))["name"] == "mine"
    terminal = be.web_app.settings["terminal_manager"].terminals["mine"]
    assert terminal.ptyproc.argv != body["shell_command"]
    connection = await ann.connect("terminals/websocket/mine")
    await connection.write_message(json.dumps(["stdin", "echo at-$(pwd)-$((40+2))\r"]))
    text = ""
    while f"at-{be.root / 'a'}-42" not in text.replace("\r\n", ""):
        text += str(json.loads(await asyncio.wait_for(connection.read_message(), 20))[-1])
    connection.close()
    assert not hurt.exists()
    assert await ann.status("DELETE", "api/terminals/mine") == 204


async def test_a_session_before_it_has_its_path(be):
    """JupyterLab's sessions begin beside their document: they are that document's all the same."""
    ed = be("ed")

    def begun(name, directory="a/", kind="notebook"):
        return {"path": f"{directory}{STAND_IN}", "name": name, "type": kind, "kernel": {}}

    for name, directory in (
        ("y.ipynb", "a/"),
        ("x.ipynb", "b/"),
        ("x.ipynb", ""),
        ("../a/x.ipynb", "a/"),
        ("..", "a/x.ipynb/"),
        ("", "a/"),
        (None, "a/"),
    ):
        assert await ed.status("POST", "api/sessions", begun(name, directory)) == 403, name
    made = await ed.json("POST", "api/sessions", begun("x.ipynb"))
    where = f"api/sessions/{made['id']}"
    kernel = f"api/kernels/{made['kernel']['id']}"
    # Another name does not make it another document's.
    assert await ed.status("PATCH", where, {"name": "y.ipynb"}) == 200
    assert [await ed.status("GET", path) for path in (where, kernel)] == [200, 200]
    changed = await ed.json("PATCH", where, {"kernel": {"name": "python3"}})
    kernel = f"api/kernels/{changed['kernel']['id']}"
    assert await ed.status("GET", kernel) == 200
    assert await ed.status("PATCH", where, {"path": f"a/{STAND_IN[::-1]}"}) == 403
    assert await ed.status("PATCH", where, {"path": "a/x.ipynb"}) == 200
    assert [await ed.status("GET", path) for path in (where, kernel)] == [200, 200]
    # Who moves it to such a path means that path.
    back = f"a/{STAND_IN}"
    assert await be("root").status("PATCH", where, {"path": back, "name": "x.ipynb"}) == 200
    assert [await ed.status("GET", path) for path in (where, kernel)] == [403, 403]
    assert await be("cy").status("GET", kernel) == 200
