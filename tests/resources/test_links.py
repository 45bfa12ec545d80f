"""A symbolic link is asked by its own path and by where it leads."""

from __future__ import annotations

import asyncio
import os

import pytest
from people import allowing

from jupyter_authz.resources.links import with_targets

TEXT = {"type": "file", "format": "text", "content": "changed"}


@pytest.fixture
def be(serve, tmp_path):
    """Run a server with links from what ann may use to what she may not, and back."""
    be = serve(
        roles=[
            allowing("read,write:contents!path=open/**", deny=["write:contents!path=open/kept/**"]),
            {"name": "all", "users": ["root"], "allow": ["read,write:contents"]},
            {
                "name": "but",
                "users": ["cy"],
                "allow": ["read:contents"],
                "deny": ["read:contents!path=secret/**"],
            },
        ]
    )
    be.write(open__x_txt="x", open__kept__k_txt="k", secret__s_txt="s", open__deep__d_txt="d")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "o.txt").write_text("o")
    for link, target in {
        "open/file.txt": "../secret/s.txt",
        "open/folder": "../secret",
        "open/inside.txt": "x.txt",
        "open/to-kept": "kept",
        "open/self": ".",
        "open/new.txt": "../secret/new.txt",
        "open/loop": "loop",
        "secret/back": "../open",
        "open/absolute": str(be.root / "open" / "deep"),
        "open/out": str(outside),
        "open/out.txt": str(outside / "o.txt"),
    }.items():
        (be.root / link).symlink_to(target)
    return be


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "api/contents/open/file.txt", None, 403),
        ("GET", "files/open/file.txt", None, 403),
        ("GET", "api/contents/open/folder", None, 403),
        ("GET", "api/contents/open/folder/s.txt", None, 403),
        ("GET", "files/open/folder/s.txt", None, 403),
        ("GET", "api/contents/secret/back/x.txt", None, 403),
        ("GET", "api/contents/open/inside.txt", None, 200),
        ("GET", "api/contents/open/absolute/d.txt", None, 200),
        ("GET", "api/contents/open/self/x.txt", None, 200),
        ("PUT", "api/contents/open/file.txt", TEXT, 403),
        ("PUT", "api/contents/open/new.txt", TEXT, 403),
        ("PUT", "api/contents/open/folder/new.txt", TEXT, 403),
        ("PUT", "api/contents/open/to-kept/k.txt", TEXT, 403),
        ("PUT", "api/contents/open/inside.txt", TEXT, 200),
        ("PATCH", "api/contents/open/x.txt", {"path": "open/folder/x.txt"}, 403),
        ("PATCH", "api/contents/open/folder/s.txt", {"path": "open/s.txt"}, 403),
        ("POST", "api/contents/open", {"copy_from": "open/file.txt"}, 403),
        ("POST", "api/contents/open/folder", {"type": "file"}, 403),
        ("POST", "api/contents/open/file.txt/checkpoints", None, 403),
        ("GET", "api/contents/open/folder/s.txt/checkpoints", None, 403),
        ("DELETE", "api/contents/open/folder/s.txt", None, 403),
    ],
)
async def test_both_paths_count(be, method, path, body, status):
    """Nothing is reached through a link that could not be reached without."""
    assert await be("ann").status(method, path, body) == status
    assert (be.root / "secret/s.txt").read_text() == "s"
    assert (be.root / "open/kept/k.txt").read_text() == "k"
    assert not (be.root / "secret/new.txt").exists()


async def test_out_of_the_root(be):
    """A link that leads out of the root needs an allow without a path filter."""
    for path in ("open/out.txt", "open/out/o.txt"):
        assert await be("ann").status("GET", f"api/contents/{path}") == 403
        assert await be("root").status("GET", f"api/contents/{path}") == 200
        # A deny with a path filter matches what is not known.
        assert await be("cy").status("GET", f"api/contents/{path}") == 403


async def test_a_new_link_is_seen(be):
    """A second after it was made at the latest, in place of a file or of a directory."""
    deep = "open/" + "d/" * 300
    (be.root / deep).mkdir(parents=True)
    for path in ("open/deep/d.txt", "open/x.txt", f"{deep}x.txt"):
        (be.root / path).write_text("mine")
        for kind in ("api/contents", "files"):
            assert await be("ann").status("GET", f"{kind}/{path}") == 200
    (be.root / "open/deep").rename(be.root / "open/was-deep")
    (be.root / "open/deep").symlink_to("../secret")
    (be.root / "secret/d.txt").write_text("secret")
    for path in ("open/x.txt", f"{deep}x.txt"):
        (be.root / path).unlink()
        (be.root / path).symlink_to(be.root / "secret" / "s.txt")
    # Nothing is kept of what is long.
    assert await be("ann").status("GET", f"files/{deep}x.txt") == 403
    await asyncio.sleep(1)
    for path in ("open/deep/d.txt", "open/x.txt", f"{deep}x.txt"):
        for kind in ("api/contents", "files"):
            assert await be("ann").status("GET", f"{kind}/{path}") == 403


async def test_a_deny_counts_through_a_link(be):
    """A deny matches where a link leads."""
    assert await be("cy").status("GET", "api/contents/open/x.txt") == 200
    assert await be("cy").status("GET", "api/contents/open/file.txt") == 403


async def test_listings_hold_no_links_to_what_may_not_be_read(be):
    """What a listing shows can be read."""
    listing = await be("ann").json("GET", "api/contents/open")
    names = {child["name"] for child in listing["content"]}
    assert names == {"x.txt", "kept", "deep", "inside.txt", "to-kept", "self", "absolute"}


def test_a_loop_leads_nowhere(be):
    """A link to itself neither hangs nor is allowed more than its own path."""
    manager = be.app.contents_manager
    assert with_targets(manager, "open/loop") in {"open/loop", ("open/loop",)}


def test_what_is_no_link_stays(be):
    """Paths without links, also of what is not there, are what they were."""
    manager = be.app.contents_manager
    for path in ("", "open", "open/x.txt", "gone/for/ever", "x\ud800y", None):
        assert with_targets(manager, path) == path
    assert with_targets(manager, ("open", "open/folder")) == ("open", "open/folder", "secret")


def test_a_manager_without_a_file_system_has_no_links():
    """Its paths are names, whatever the server's file system holds under them."""
    assert with_targets(object(), "etc") == "etc"


async def test_a_copy_follows_the_links_below(be):
    """And so what they lead to is asked, too, at any depth and whatever a role denies."""
    for link, target in {
        "open/deep/l.txt": "../../secret/s.txt",
        "open/kept/far": "../deep2",
        "open/deep2/nearer": "../deep",
        "open/fine/x.txt": "../x.txt",
        "open/away/out": str(be.root.parent / "outside"),
    }.items():
        (be.root / link).parent.mkdir(exist_ok=True)
        (be.root / link).symlink_to(target)
    expected = {"deep": 403, "kept": 403, "deep2": 403, "fine": 201, "away": 403}
    for source, status in expected.items():
        copy = {"copy_from": f"open/{source}"}
        assert await be("ann").status("POST", "api/contents/open", copy) == status, source
        assert await be("root").status("POST", "api/contents/secret", copy) == 201, source
    copies = [path.name for path in (be.root / "open").iterdir() if "Copy" in path.name]
    assert copies == ["fine-Copy1"]


async def test_a_copy_is_decided_about_before_it_is_walked(be, monkeypatch):
    """Who may not read a directory has nobody look through it."""
    (be.root / "held").mkdir()
    walked, walk = [], os.walk
    monkeypatch.setattr(os, "walk", lambda place: walked.append(place) or walk(place))
    copy = {"copy_from": "held"}
    assert await be("ann").status("POST", "api/contents/open", copy) == 403
    assert walked == []
    assert await be("root").status("POST", "api/contents/open", copy) == 201
    assert walked
