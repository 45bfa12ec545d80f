"""What requests for kernels, sessions and terminals ask, with real ones."""

from __future__ import annotations

import asyncio
import json

import pytest
from people import allowing
from tornado.httpclient import HTTPClientError

from jupyter_authz.resources import running
from jupyter_authz.resources.table import as_name

SPEC = {
    "argv": ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "x",
    "language": "python",
}


@pytest.fixture
def kernelspecs(jp_data_dir):
    """Install a kernelspec with a capital in its name."""
    folder = jp_data_dir / "kernels" / "Big"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(SPEC))


NOT_THERE = "00000000-0000-0000-0000-000000000000"

ROLES = [
    allowing("*", users=["root"], name="root"),
    allowing(
        "execute:compute!path=a/**",
        deny=["execute:kernels,sessions!path=a/closed/**", "execute:kernels!name=small"],
        users=["ann"],
        name="ann",
    ),
    allowing("execute:compute!name=big", users=["bob"], name="bob"),
    allowing("read:compute!path=a/**", users=["cy"], name="cy"),
    allowing("execute:compute!owner={username}", users=["di"], name="di"),
    allowing("write:compute!path=a/**", users=["ed"], name="ed"),
    # Two permissions: what is in both places is in neither.
    allowing("execute:compute!path=a/**", "execute:compute!path=b/**", users=["flo"], name="flo"),
]


@pytest.fixture
def be(serve, kernelspecs):
    """Run a server on which people may run code in places of their own."""
    be = serve(roles=ROLES, base_permissions=[])
    for name in ("a/closed", "a2", "b"):
        (be.root / name).mkdir(parents=True)
    return be


def session(path, kernel=None, **more):
    """Give the body that starts a session."""
    return {"path": path, "name": path, "type": "notebook", "kernel": kernel or {}, **more}


# ---------------------------------------------------------------------- starting


STARTS = [
    ("ann", "api/sessions", session("a/x.ipynb"), 201),
    ("ann", "api/sessions", session("a2/x.ipynb"), 403),
    ("ann", "api/sessions", session("b/x.ipynb"), 403),
    ("ann", "api/sessions", session("a/closed/x.ipynb"), 403),
    ("ann", "api/sessions", session("a/../b/x.ipynb"), 403),
    ("ann", "api/sessions", session(["a/x.ipynb"]), 400),
    ("ann", "api/sessions", session(None), 400),
    ("ann", "api/sessions", {"notebook": {"name": None}, "kernel": {}}, 400),
    ("ann", "api/sessions", {"notebook": {"path": "b/x.ipynb"}, "path": "a/x", "kernel": {}}, 403),
    ("ann", "api/sessions", {"notebook": {"path": "a/x.ipynb"}, "path": "b/x", "kernel": {}}, 201),
    ("ann", "api/sessions", {"notebook": {"path": "a/x", "name": "b/x"}, "kernel": {}}, 403),
    ("ann", "api/sessions", session("a/x.ipynb", {"id": "not-there"}), 400),
    ("ann", "api/sessions", session("a/x.ipynb", {"id": NOT_THERE}), 403),
    ("ann", "api/kernels", {"path": "a"}, 201),
    ("ann", "api/kernels", {"path": "b"}, 403),
    ("ann", "api/kernels", {}, 403),
    ("bob", "api/kernels", {"name": "Big"}, 201),
    ("bob", "api/kernels", {"name": "big"}, 201),
    ("bob", "api/kernels", {"name": "python3"}, 403),
    ("bob", "api/kernels", {}, 403),
    ("bob", "api/sessions", session("b/x.ipynb", {"name": "BIG"}), 201),
    ("bob", "api/sessions", session("b/x.ipynb", {"name": "python3"}), 403),
    ("bob", "api/sessions", session("b/x.ipynb"), 403),
    ("cy", "api/sessions", session("a/x.ipynb"), 403),
    ("di", "api/kernels", {}, 201),
    ("di", "api/sessions", session("b/x.ipynb"), 201),
    ("ed", "api/sessions", session("a/x.ipynb"), 403),
    ("ed", "api/kernels", {"path": "a"}, 403),
]


@pytest.mark.parametrize(
    ("name", "path", "body", "status"), STARTS, ids=[f"{n} {p} {b}" for n, p, b, _ in STARTS]
)
async def test_starting(be, name, path, body, status):
    """A kernel asks by its directory, kernelspec and owner; a refused one leaves nothing behind."""
    reply = await be(name).fetch("POST", path, body)
    assert reply.code == status, reply.body
    kernels = await be("root").json("GET", "api/kernels")
    assert len(kernels) == (1 if status == 201 else 0)
    assert len(await be("root").json("GET", "api/sessions")) == (
        1 if status == 201 and path == "api/sessions" else 0
    )


# ---------------------------------------------------------------------- what runs already


async def started(be):
    """Start one kernel in `a`, one in `b`, and one that is in both."""
    root = be("root")
    mine = await root.json("POST", "api/sessions", session("a/x.ipynb"))
    other = await root.json("POST", "api/sessions", session("b/x.ipynb"))
    both = await root.json("POST", "api/sessions", session("a/y.ipynb"))
    await root.json("POST", "api/sessions", session("b/y.ipynb", {"id": both["kernel"]["id"]}))
    return {"mine": mine, "other": other, "both": both}


async def test_by_the_path_of_every_session(be):
    """A kernel is reached by whom may reach all its paths; lists hold these."""
    kernels = await started(be)
    ann = be("ann")
    mine, other, both = (kernels[name]["kernel"]["id"] for name in ("mine", "other", "both"))
    assert [k["id"] for k in await ann.json("GET", "api/kernels")] == [mine]
    assert [s["path"] for s in await ann.json("GET", "api/sessions")] == ["a/x.ipynb", "a/y.ipynb"]
    assert await ann.status("GET", f"api/kernels/{mine}") == 200
    assert await ann.status("POST", f"api/kernels/{mine}/interrupt", "") == 204
    for kernel in (other, both, NOT_THERE):
        assert await ann.status("GET", f"api/kernels/{kernel}") == 403
        assert await ann.status("DELETE", f"api/kernels/{kernel}") == 403
        assert await ann.status("POST", f"api/kernels/{kernel}/interrupt", "") == 403
        assert await ann.status("POST", f"api/kernels/{kernel}/restart", "") == 403
        with pytest.raises(HTTPClientError) as refused:
            await ann.connect(f"api/kernels/{kernel}/channels")
        assert refused.value.code == 403
    (await ann.connect(f"api/kernels/{mine}/channels")).close()
    await asyncio.sleep(0.2)


async def test_sessions(be):
    """So are sessions, and what is done to them."""
    kernels = await started(be)
    ann = be("ann")
    mine, other = kernels["mine"]["id"], kernels["other"]["id"]
    assert await ann.status("GET", f"api/sessions/{mine}") == 200
    assert await ann.status("GET", f"api/sessions/{other}") == 403
    assert await ann.status("DELETE", f"api/sessions/{other}") == 403
    assert await ann.status("PATCH", f"api/sessions/{other}", {"path": "a/z.ipynb"}) == 403
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"path": "b/z.ipynb"}) == 403
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"path": "a/closed/z"}) == 403
    taken = {"kernel": {"id": kernels["other"]["kernel"]["id"]}}
    assert await ann.status("PATCH", f"api/sessions/{mine}", taken) == 403
    # One may not start `small` here, in whatever way.
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"kernel": {"name": "Small"}}) == 403
    moved = {"path": "a/z.ipynb", "kernel": {"name": "small"}}
    assert await ann.status("PATCH", f"api/sessions/{mine}", moved) == 403
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"path": "a/z.ipynb"}) == 200
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"kernel": {"name": "Big"}}) == 200
    assert await ann.status("DELETE", f"api/sessions/{mine}") == 204


async def test_attaching(be):
    """A session on a running kernel asks for that kernel, also where its path has one already."""
    kernels = await started(be)
    ann = be("ann")
    other = {"id": kernels["other"]["kernel"]["id"]}
    both = {"id": kernels["both"]["kernel"]["id"]}
    mine = {"id": kernels["mine"]["kernel"]["id"]}
    assert await ann.status("POST", "api/sessions", session("a/new.ipynb", other)) == 403
    assert await ann.status("POST", "api/sessions", session("a/new.ipynb", both)) == 403
    # The session that this path has is on a kernel that is elsewhere, too.
    assert await ann.status("POST", "api/sessions", session("a/y.ipynb")) == 403
    assert await ann.status("POST", "api/sessions", session("a/new.ipynb", mine)) == 201
    assert await ann.status("POST", "api/sessions", session("a/new.ipynb")) == 201


async def test_an_attached_kernel_is_where_it_will_be(be):
    """Nobody attaches a kernel to a place that then keeps it from them, nor moves it there."""
    flo = be("flo")
    x, y = [await flo.json("POST", "api/sessions", session(f"a/{name}.ipynb")) for name in "xy"]
    kernel = {"id": x["kernel"]["id"]}
    assert await flo.status("POST", "api/sessions", session("b/x.ipynb", kernel)) == 403
    assert await flo.status("POST", "api/sessions", session("a/z.ipynb", kernel)) == 201
    for body in ({"path": "b/x.ipynb"}, {"path": "b/x.ipynb", "kernel": kernel}):
        assert await flo.status("PATCH", f"api/sessions/{y['id']}", body) == 403, body
    body = {"path": "a/w.ipynb", "kernel": kernel}
    assert await flo.status("PATCH", f"api/sessions/{y['id']}", body) == 200
    assert {k["id"] for k in await flo.json("GET", "api/kernels")} == {kernel["id"]}


async def test_a_session_is_not_moved_onto_one_of_others(be):
    """Whoever asks for a session by its path would get that of another."""
    kernels = await started(be)
    ann, mine = be("ann"), kernels["mine"]["id"]
    # It runs on a kernel that is elsewhere, too.
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"path": "a/y.ipynb"}) == 403
    assert await ann.status("PATCH", f"api/sessions/{mine}", {"path": "a/x.ipynb"}) == 200


async def test_watching_is_not_controlling(be):
    """Who may read a kernel may not stop it; who may write may stop, but not restart it."""
    kernels = await started(be)
    mine = kernels["mine"]["kernel"]["id"]
    assert await be("cy").status("GET", f"api/kernels/{mine}") == 200
    assert await be("cy").status("POST", f"api/kernels/{mine}/interrupt", "") == 403
    assert await be("cy").status("DELETE", f"api/kernels/{mine}") == 403
    assert await be("ed").status("GET", f"api/kernels/{mine}") == 200
    assert await be("ed").status("POST", f"api/kernels/{mine}/interrupt", "") == 204
    assert await be("ed").status("POST", f"api/kernels/{mine}/restart", "") == 403
    assert await be("ed").status("DELETE", f"api/kernels/{mine}") == 204


async def test_a_kernel_of_unknown_owner_belongs_to_nobody(be):
    """Permission for one's own does not reach it."""
    kernels = await started(be)
    assert await be("di").json("GET", "api/kernels") == []
    mine = kernels["mine"]["kernel"]["id"]
    assert await be("di").status("GET", f"api/kernels/{mine}") == 403


async def test_a_kernel_without_a_path_is_in_no_directory(be):
    """An allow with a path does not match it."""
    kernel = await be("root").json("POST", "api/kernels", {})
    assert await be("ann").status("GET", f"api/kernels/{kernel['id']}") == 403
    assert await be("ann").json("GET", "api/kernels") == []


async def test_moving_a_session_to_nowhere(be):
    """A session without a path is nobody's, and does not keep others from theirs."""
    kernels = await started(be)
    mine = kernels["mine"]["id"]
    for body in ({"path": ""}, {"path": None}, {"notebook": {"path": None}}):
        assert await be("ann").status("PATCH", f"api/sessions/{mine}", body) == 403, body
    await be("root").fetch("PATCH", f"api/sessions/{mine}", {"path": None})
    assert await be("ann").status("GET", "api/kernels") == 200
    assert [s["path"] for s in await be("ann").json("GET", "api/sessions")] == ["a/y.ipynb"]
    assert await be("ann").status("POST", "api/sessions", session("a/new.ipynb")) == 201


async def test_starting_a_kernel_that_runs_already(be):
    """Starting a kernel with the id of another asks for that one."""
    kernels = await started(be)
    other = kernels["other"]["kernel"]["id"]
    body = {"path": "a", "kernel_id": other}
    assert await be("ann").status("POST", "api/kernels", body) == 403
    body["kernel_id"] = NOT_THERE
    assert await be("ann").status("POST", "api/kernels", body) == 201


# ---------------------------------------------------------------------- terminals


async def test_where_a_terminal_starts(serve):
    """By its directory below the root, however that is written; elsewhere it is unknown."""
    be = serve(roles=[allowing("execute:terminals!path=a/**")], base_permissions=[])
    (be.root / "a/b").mkdir(parents=True)
    (be.root / "c").mkdir()
    (be.root / "a/out").symlink_to(be.root / "c")
    ann = be("ann")
    for cwd in ("a", "a/b", str(be.root / "a"), "c/../a"):
        assert await ann.status("POST", "api/terminals", {"cwd": cwd}) == 200, cwd
    for cwd in ("c", "/", "/a", "a/..", "a/../c", "a/out", "none", "", None):
        assert await ann.status("POST", "api/terminals", {"cwd": cwd}) == 403, cwd
    assert await ann.status("POST", "api/terminals", {"cwd": ["a"]}) == 400
    assert len(be.web_app.settings["terminal_manager"].list()) == 4


async def test_terminals(serve):
    """Terminals by name; their body reaches the shell, so what is in it is looked at."""
    be = serve(
        roles=[allowing("execute:terminals!name=mine"), allowing("*", users=["root"], name="root")],
        base_permissions=[],
    )
    ann = be("ann")
    assert await ann.status("POST", "api/terminals", {"name": "theirs"}) == 403
    assert await ann.status("POST", "api/terminals", {}) == 403
    assert await ann.status("POST", "api/terminals", {"name": "mine"}) == 200
    assert await be("root").status("POST", "api/terminals", {"name": "theirs"}) == 200
    assert [t["name"] for t in await ann.json("GET", "api/terminals")] == ["mine"]
    assert await ann.status("GET", "api/terminals/theirs") == 403
    assert await ann.status("DELETE", "api/terminals/theirs") == 403
    for name in ("theirs", "new"):
        with pytest.raises(HTTPClientError) as refused:
            await ann.connect(f"terminals/websocket/{name}")
        assert refused.value.code == 403
    (await ann.connect("terminals/websocket/mine")).close()
    assert await ann.status("DELETE", "api/terminals/mine") == 204
    assert await be("root").status("DELETE", "api/terminals/theirs") == 204


# ---------------------------------------------------------------------- the finders alone


async def test_one_unclear_path_makes_the_kernel_unknown(be):
    """A kernel with a path that cannot be compared matches no allow with a path."""
    kernel = await be("root").json("POST", "api/kernels", {"name": "Big", "path": "a"})
    sessions = [{"path": "a/x", "kernel": kernel}, {"path": "a/../b", "kernel": kernel}]

    def found(running_sessions):
        return running.kernels_in(be.web_app.settings, running_sessions)(kernel)

    assert found(sessions) == {"path": None, "name": "big", "owner": "root"}
    assert found(sessions[:1]) == {"path": ("a", "a/x"), "name": "big", "owner": "root"}
    assert found([])["path"] == ("a",)
    stranger = {"id": "not-there", "name": "Big"}
    found_stranger = running.kernels_in(be.web_app.settings, [])(stranger)
    assert found_stranger == {"path": None, "name": "big", "owner": None}


@pytest.mark.parametrize(("given", "name"), [("A", "a"), ("", None), (None, None), (7, None)])
def test_names(given, name):
    """Names are compared in lower case; what is none is unknown."""
    assert as_name(given) == name


async def test_a_path_as_a_kernel_takes_it(serve):
    """It is asked where the kernel runs, too, not only below the root."""
    be = serve(
        roles=[
            allowing("read,write:contents", deny=["read:contents!path=secret/**"], users=["cy"]),
            allowing("read:kernels,api", users=["cy"], name="cy"),
            allowing("*", users=["root"], name="root"),
        ]
    )
    be.write(secret__s_txt="s", open__o_txt="o")
    for directory, status in (("secret", 403), ("open", 200)):
        kernel = (await be("root").json("POST", "api/kernels", {"path": f"{directory}/x"}))["id"]
        for path in ("s.txt", "o.txt", "nothing.txt"):
            where = f"api/resolvePath?path={path}&kernel={kernel}"
            assert await be("cy").status("GET", where) == status, (directory, path)
        for path in ("../secret/s.txt", str(be.root / "secret" / "s.txt"), "~/x"):
            where = f"api/resolvePath?path={path}&kernel={kernel}"
            assert await be("cy").status("GET", where) in {400, 403}, path
        assert await be("root").status("DELETE", f"api/kernels/{kernel}") == 204
    gone = f"api/resolvePath?path=o.txt&kernel={kernel}"
    assert await be("root").status("GET", gone) == 200
