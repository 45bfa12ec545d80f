"""Replies that hold several resources hold those which one may read."""

from __future__ import annotations

import json

import pytest
from people import allowing


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
