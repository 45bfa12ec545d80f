"""Replies that hold several resources hold those which one may read."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from people import allowing
from policy import strategies

from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_roles
from jupyter_authz.resources.types import TYPES


def names(listing):
    """Give the names in the model of a directory."""
    return sorted(child["name"] for child in listing["content"])


@pytest.fixture
def be(serve):
    """Run a server on which a part of each directory may be read."""
    be = serve(
        roles=[
            allowing(
                "read:contents!path=open/**",
                "read:contents!path=deep/er/still/x.txt",
                "read:contents!path=notes/*.md",
                deny=["read:contents!path=open/closed/**"],
            )
        ]
    )
    be.write(
        open__x_txt="x",
        open__closed__y_txt="y",
        deep__er__still__x_txt="x",
        deep__er__still__other_txt="other",
        deep__er__z_txt="z",
        deep__else__x_txt="x",
        notes__a_md="a",
        notes__a_txt="a",
        secret__x_txt="x",
        deep_txt="a file",
    )
    return be


async def test_a_listing_holds_what_one_may_read(be):
    """Files that may be read, and the folders on the way to them."""
    ann = be("ann")
    assert names(await ann.json("GET", "api/contents")) == ["deep", "notes", "open"]
    assert names(await ann.json("GET", "api/contents/open")) == ["x.txt"]
    assert names(await ann.json("GET", "api/contents/deep")) == ["er"]
    assert names(await ann.json("GET", "api/contents/deep/er")) == ["still"]
    assert names(await ann.json("GET", "api/contents/deep/er/still")) == ["x.txt"]
    assert names(await ann.json("GET", "api/contents/notes")) == ["a.md"]
    for closed in ("secret", "open/closed", "deep/else"):
        assert await ann.status("GET", f"api/contents/{closed}") == 403


async def test_a_file_is_never_on_the_way(be, serve):
    """A file where a pattern has a folder is not readable for being there."""
    (be.root / "deep/er/still").rename(be.root / "deep/er/gone")
    (be.root / "deep/er/still").write_text("secret")
    ann = be("ann")
    for query in ("", "?type=file", "?content=0", "?format=base64", "?type=directory"):
        reply = await ann.fetch("GET", f"api/contents/deep/er/still{query}")
        assert reply.code == 403, (query, reply.body)
        assert b"secret" not in reply.body
    assert await ann.status("GET", "files/deep/er/still") == 403
    assert names(await ann.json("GET", "api/contents/deep/er")) == []


async def test_a_file_that_takes_the_place_of_a_folder(be, monkeypatch):
    """Nor is one that came there after it was decided about."""
    (be.root / "deep/er/still").rename(be.root / "deep/er/gone")
    (be.root / "deep/er/still").write_text("secret")

    async def still_there(path):
        return True

    monkeypatch.setattr(be.app.contents_manager, "dir_exists", still_there)
    reply = await be("ann").fetch("GET", "api/contents/deep/er/still")
    assert reply.code == 403
    assert b"secret" not in reply.body


async def test_what_is_not_there_is_not_told_from_what_is_closed(be):
    """Whether a file exists that one may not read is not to be found out."""
    ann = be("ann")
    for path in (
        "secret/x.txt",
        "secret/none.txt",
        "secret",
        "none",
        "deep/er/z.txt",
        "deep/er/none",
    ):
        assert await ann.status("GET", f"api/contents/{path}") == 403, path


async def test_a_listing_without_content_is_one(be):
    """The model of a folder alone is given to whom may pass through it."""
    assert (await be("ann").json("GET", "api/contents/deep?content=0"))["content"] is None


async def test_lists_of_others_are_not_filtered(serve):
    """Whoever may read everything sees everything."""
    be = serve(roles=[allowing("*")])
    be.write(a__x_txt="x", b_txt="b")
    assert names(await be("ann").json("GET", "api/contents")) == ["a", "b.txt"]


async def test_a_hook_does_not_change_lists(serve, monkeypatch):
    """Lists ask only the policy; without one they are as they are."""
    from jupyter_server.base.handlers import JupyterHandler

    monkeypatch.setattr(JupyterHandler, "user_is_authorized", lambda *_: True)
    be = serve()
    be.write(b_txt="b")
    assert names(await be("ann").json("GET", "api/contents")) == ["b.txt"]


# ---------------------------------------------------------------------- what runs

SPEC = {"argv": ["python", "-c", "pass", "{connection_file}"], "display_name": "x", "language": "x"}


@pytest.fixture
def kernelspecs(jp_data_dir):
    """Install three kernelspecs."""
    for name in ("alpha", "Beta", "gamma"):
        folder = jp_data_dir / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(SPEC))
        (folder / "logo-svg.svg").write_text("<svg/>")


async def test_kernelspecs(serve, kernelspecs):
    """Kernelspecs by name, in lower case, in lists and one by one."""
    be = serve(
        roles=[allowing("read:kernelspecs!name=a*", "read:kernelspecs!name=beta")],
        base_permissions=[],
    )
    ann = be("ann")
    listed = await ann.json("GET", "api/kernelspecs")
    assert sorted(listed["kernelspecs"]) == ["alpha", "beta"]
    assert await ann.status("GET", "api/kernelspecs/alpha") == 200
    assert await ann.status("GET", "api/kernelspecs/Beta") == 200
    assert await ann.status("GET", "api/kernelspecs/gamma") == 403
    assert await ann.status("GET", "kernelspecs/alpha/logo-svg.svg") == 200
    assert await ann.status("GET", "kernelspecs/gamma/logo-svg.svg") == 403
    assert await ann.status("GET", "kernelspecs/GAMMA/logo-svg.svg") == 403


async def test_collections_need_at_least_one_possible_resource(serve):
    """Who could not read a single one does not get the list."""
    be = serve(roles=[allowing("read:contents")], base_permissions=[])
    for path in ("kernels", "sessions", "terminals", "kernelspecs"):
        assert await be("ann").status("GET", f"api/{path}") == 403


# ---------------------------------------------------------------------- writable


@pytest.fixture
def written(serve):
    """Run a server on which a part may be read, and a part of that be written."""
    be = serve(
        roles=[
            allowing(
                "read:contents!path=open/**",
                "write:contents!path=open/mine/**",
                "write:contents!path=*.txt",
                deny=["write:contents!path=open/mine/fixed.txt"],
            ),
        ]
    )
    be.write(open__x_txt="x", open__mine__y_txt="y", open__mine__fixed_txt="z", a_txt="a")
    be.write(open__n_ipynb='{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    (be.root / "open" / "link.txt").symlink_to("mine/y.txt")
    (be.root / "open" / "mine" / "link.txt").symlink_to("../x.txt")
    return be


async def test_writable_is_the_truth(written):
    """Of files and directories, with content and without, in listings and by themselves."""
    expected = {
        "open": False,
        "open/mine": True,
        "open/x.txt": False,
        "open/n.ipynb": False,
        "open/link.txt": False,
        "open/mine/y.txt": True,
        "open/mine/fixed.txt": False,
        "open/mine/link.txt": False,
    }
    ann = written("ann")
    for path, writable in expected.items():
        for query in ("", "?content=0"):
            model = await ann.json("GET", f"api/contents/{path}{query}")
            assert model["writable"] is writable, path
    for directory in ("", "open", "open/mine"):
        for child in (await ann.json("GET", f"api/contents/{directory}"))["content"]:
            assert child["writable"] is expected[child["path"]], child["path"]


async def test_replies_to_writes_tell_it_too(written):
    """What was saved or moved may or may not be written again."""
    ann = written("ann")
    file = {"type": "file", "format": "text", "content": "new"}
    assert (await ann.json("PUT", "api/contents/open/mine/y.txt", file))["writable"] is True
    moved = await ann.json("PATCH", "api/contents/open/mine/y.txt", {"path": "moved.txt"})
    assert moved["writable"] is True
    assert (await ann.json("POST", "api/contents/open/mine", {"type": "file"}))["writable"] is True


async def test_what_is_read_only_stays_so(written, monkeypatch):
    """A file that the server itself cannot write is writable to nobody."""
    base = type(written.app.contents_manager)._base_model

    def read_only(self, path):
        return {**base(self, path), "writable": False}

    monkeypatch.setattr(type(written.app.contents_manager), "_base_model", read_only)
    model = await written("ann").json("GET", "api/contents/open/mine/y.txt")
    assert model["writable"] is False


TREE = ["a/b", "a/a/b", "a/a/ab", "b/a", "ab/b/a", "ann"]
LINKS = {"a/to": "b/a", "ab/to": "a"}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.dense_roles())
def test_a_listing_holds_what_a_get_allows(serve, jp_asyncio_loop, roles):
    """Whatever the policy: exactly the entries that one gets, and none that one does not."""
    be = _served(serve)
    be.guard.enforce(Policy(read_roles(roles, Grammar(TYPES))))
    jp_asyncio_loop.run_until_complete(_compare(be("ann")))


_SERVERS = {}


def _served(serve):
    if serve not in _SERVERS:
        _SERVERS.clear()
        _SERVERS[serve] = be = serve(roles=[])
        for path in TREE:
            place = be.root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("x")
        for path, target in LINKS.items():
            (be.root / path).symlink_to(be.root / target)
    return _SERVERS[serve]


async def _compare(someone, directory=""):
    reply = await someone.fetch("GET", f"api/contents/{directory}")
    if reply.code == 403:
        return
    shown = {child["path"]: child for child in json.loads(reply.body)["content"]}
    prefix = f"{directory}/" if directory else ""
    below = [path.removeprefix(prefix) for path in [*TREE, *LINKS] if path.startswith(prefix)]
    there = {prefix + path.split("/")[0] for path in below}
    for path in there:
        model = await someone.fetch("GET", f"api/contents/{path}")
        assert (model.code == 200) is (path in shown), path
        if path in shown:
            assert json.loads(model.body)["writable"] == shown[path]["writable"]
            if shown[path]["type"] == "directory" and path not in LINKS:
                await _compare(someone, path)


# ---------------------------------------------------------------------- as if it were not there


async def test_what_may_not_be_read_is_not_there(serve):
    """The same answers as for what does not exist."""
    be = serve(
        roles=[
            allowing("read,write:contents!path=open/**", "write:contents!path=drop/**"),
            allowing("*", users=["root"], name="root"),
        ],
        hide_unreadable=True,
    )
    be.write(secret__x_txt="x", open__x_txt="x", drop__x_txt="x")
    kernel = (await be("root").json("POST", "api/kernels", {}))["id"]
    none = "00000000-0000-0000-0000-000000000000"
    ann = be("ann")
    for method, path, body in (
        ("GET", "api/contents/{}/x.txt", None),
        ("GET", "api/contents/{}", None),
        ("DELETE", "api/contents/{}/x.txt", None),
        ("PATCH", "api/contents/{}/x.txt", {"path": "open/y.txt"}),
        ("POST", "api/contents/{}", {}),
        ("GET", "api/contents/{}/x.txt/checkpoints", None),
        ("GET", "files/{}/x.txt", None),
        ("GET", "view/{}/x.txt", None),
        ("GET", "nbconvert/html/{}/x.txt", None),
    ):
        there = await ann.fetch(method, path.format("secret"), body)
        absent = await ann.fetch(method, path.format("absent"), body)
        assert (there.code, there.body) == (404, absent.body), (method, path)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/restart")):
        there = await ann.fetch(method, f"api/kernels/{kernel}{path}")
        absent = await ann.fetch(method, f"api/kernels/{none}{path}")
        assert (there.code, there.body) == (404, absent.body)
    # What one starts or writes anew is refused, not hidden.
    assert await ann.status("POST", "api/kernels", {}) == 403
    assert await ann.status("POST", "api/terminals", {}) == 403
    assert await ann.status("PUT", "api/contents/secret/new.txt", {"type": "file"}) == 403
    page = await ann.fetch("GET", "files/secret/x.txt", headers={"Accept": "text/html"})
    assert (page.code, b"Not Found" in page.body) == (404, True)
    await be("root").status("DELETE", f"api/kernels/{kernel}")


async def test_the_root_is_refused_not_hidden(serve):
    """That there are files is no secret, and JupyterLab asks on and on for a root that is not."""
    be = serve(roles=[allowing("read:kernels")], hide_unreadable=True)
    assert await be("ann").status("GET", "api/contents") == 403
    assert await be("ann").status("GET", "api/contents/") == 403
    assert await be("ann").status("GET", "api/contents/x") == 404
