"""What requests for files ask: the rows of the table, and paths that try to be others."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

import pytest
from people import allowing

from jupyter_authz.resources import links

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
FILE = {"type": "file", "format": "text", "content": "new"}
ROLES = [
    allowing(
        "read,write:contents!path=a/**",
        "write:trust_notebook!path=a/**",
        "read:contents!path=seen/**",
        deny=["read,write:contents!path=a/closed/**", "write:contents!path=**/*.py"],
    )
]


@pytest.fixture
def be(serve):
    """Run a server on which everybody works in `a`, and reads `seen`."""
    be = serve(roles=ROLES)
    be.write(
        a__x_txt="mine",
        a__n_ipynb=NOTEBOOK,
        a__sub__y_txt="below",
        a__whole__closed__z_txt="fine",
        a__closed__z_txt="closed",
        a2__x_txt="other",
        b__x_txt="secret",
        b__n_ipynb=NOTEBOOK,
        seen__s_txt="seen",
        top_txt="top",
    )
    return be


# ---------------------------------------------------------------------- the rows of the table

ROWS = [
    # reading
    ("GET", "api/contents/a/x.txt", None, 200),
    ("GET", "api/contents/b/x.txt", None, 403),
    ("GET", "api/contents/a/closed/z.txt", None, 403),
    ("GET", "api/contents/none.txt", None, 403),
    ("GET", "files/a/x.txt", None, 200),
    ("HEAD", "files/a/x.txt", None, 200),
    ("GET", "files/b/x.txt", None, 403),
    ("HEAD", "files/b/x.txt", None, 403),
    ("GET", "view/a/x.txt", None, 200),
    ("GET", "view/b/x.txt", None, 403),
    ("GET", "nbconvert/python/a/n.ipynb", None, 200),
    ("GET", "nbconvert/python/b/n.ipynb", None, 403),
    ("GET", "nbconvert/script/a/n.ipynb", None, 403),  # it may run a program
    ("POST", "nbconvert/python", {"name": "n.ipynb", "content": {}}, 403),
    ("GET", "api/contents/a/x.txt/checkpoints", None, 200),
    ("GET", "api/contents/b/x.txt/checkpoints", None, 403),
    # saving
    ("PUT", "api/contents/a/x.txt", FILE, 200),
    ("PUT", "api/contents/a/new.txt", FILE, 201),
    ("PUT", "api/contents/b/x.txt", FILE, 403),
    ("PUT", "api/contents/seen/s.txt", FILE, 403),
    ("PUT", "api/contents/a/code.py", FILE, 403),
    ("PUT", "api/contents/a2/x.txt", FILE, 403),
    # new
    ("POST", "api/contents/a", {"type": "file"}, 201),
    ("POST", "api/contents/a", {"type": "notebook"}, 201),
    ("POST", "api/contents/a", {"type": "directory"}, 201),
    ("POST", "api/contents/a", {"type": "file", "ext": ".md"}, 201),
    ("POST", "api/contents/a", {"type": "file", "ext": ".py"}, 403),
    ("POST", "api/contents/a", {"type": "file", "ext": "/../../b/x.txt"}, 400),
    ("POST", "api/contents/a", {"type": "file", "ext": "\\..\\x.txt"}, 400),
    ("POST", "api/contents/a", {"type": "file", "ext": "\0"}, 400),
    ("POST", "api/contents/a", {"type": "file", "ext": ["/.."]}, 400),
    ("POST", "api/contents/b", {"type": "file"}, 403),
    ("POST", "api/contents", {"type": "file"}, 403),
    ("POST", "api/contents/seen", {"type": "file"}, 403),
    # copying
    ("POST", "api/contents/a", {"copy_from": "seen/s.txt"}, 201),
    ("POST", "api/contents/a", {"copy_from": "b/x.txt"}, 403),
    ("POST", "api/contents/a", {"copy_from": "a/../b/x.txt"}, 403),
    ("POST", "api/contents/a", {"copy_from": "/b/x.txt"}, 403),
    ("POST", "api/contents/b", {"copy_from": "a/x.txt"}, 403),
    ("POST", "api/contents/a", {"copy_from": ["b/x.txt"]}, 400),
    ("POST", "api/contents/a", {"copy_from": "a/closed"}, 403),
    ("POST", "api/contents/a/sub", {"copy_from": "a"}, 403),
    # moving
    ("PATCH", "api/contents/a/x.txt", {"path": "a/y.txt"}, 200),
    ("PATCH", "api/contents/a/x.txt", {"path": "b/y.txt"}, 403),
    ("PATCH", "api/contents/a/x.txt", {"path": "a/y.py"}, 403),
    ("PATCH", "api/contents/a/x.txt", {"path": "a/../b/y.txt"}, 403),
    ("PATCH", "api/contents/b/x.txt", {"path": "a/y.txt"}, 403),
    ("PATCH", "api/contents/seen/s.txt", {"path": "a/y.txt"}, 403),
    ("PATCH", "api/contents/a/x.txt", {"path": 7}, 400),
    ("PATCH", "api/contents/a/sub", {"path": "a/sub2"}, 403),  # a deny could match below
    # deleting
    ("DELETE", "api/contents/a/x.txt", None, 204),
    ("DELETE", "api/contents/b/x.txt", None, 403),
    ("DELETE", "api/contents/a", None, 403),
    ("DELETE", "api/contents/a/closed", None, 403),
    ("DELETE", "api/contents/seen", None, 403),
    # checkpoints and trust
    ("POST", "api/contents/a/x.txt/checkpoints", "", 201),
    ("POST", "api/contents/b/x.txt/checkpoints", "", 403),
    ("POST", "api/contents/b/x.txt/checkpoints/checkpoint", "", 403),
    ("DELETE", "api/contents/b/x.txt/checkpoints/checkpoint", None, 403),
    ("POST", "api/contents/a/n.ipynb/trust", "", 201),
    ("POST", "api/contents/b/n.ipynb/trust", "", 403),
    # bodies that are none
    ("PUT", "api/contents/a/x.txt", "[1]", 400),
    ("PUT", "api/contents/a/x.txt", "{", 400),
    ("POST", "api/contents/a", '"text"', 400),
    ("POST", "api/contents/a", b"\xff", 400),
]


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"), ROWS, ids=[f"{v} {p} {b}" for v, p, b, _ in ROWS]
)
async def test_rows(be, verb, path, body, status):
    """Each request asks what it really does."""
    before = {path: path.read_bytes() for path in be.root.rglob("*") if path.is_file()}
    reply = await be("ann").fetch(verb, path, body)
    assert reply.code == status, reply.body
    if status >= 400:
        assert {p: p.read_bytes() for p in be.root.rglob("*") if p.is_file()} == before
        assert b"secret" not in reply.body


async def test_whole_directories(serve):
    """Deleting, moving or copying a directory asks for all below it."""
    be = serve(
        roles=[allowing("read,write:contents!path=a/**", deny=["write:contents!path=a/k/old/**"])]
    )
    be.write(a__d__x_txt="x", a__k__x_txt="x", a__k__old__y_txt="y")
    ann = be("ann")
    assert await ann.status("DELETE", "api/contents/a/k") == 403
    assert await ann.status("PATCH", "api/contents/a/k", {"path": "a/l"}) == 403
    assert await ann.status("DELETE", "api/contents/a/k/x.txt") == 204
    # Moving a directory to where something below it would be denied.
    (be.root / "a/old").mkdir()
    assert await ann.status("PATCH", "api/contents/a/d", {"path": "a/k"}) == 403
    assert await ann.status("PATCH", "api/contents/a/d", {"path": "a/e"}) == 200
    assert await ann.status("DELETE", "api/contents/a/e") == 204


async def test_a_directory_alone_is_not_all_below_it(serve):
    """Permission for a directory's own name does not delete what it holds."""
    be = serve(roles=[allowing("read,write:contents!path=d", "read,write:contents!path=d/*")])
    be.write(d__x_txt="x", d__e__y_txt="y")
    assert await be("ann").status("DELETE", "api/contents/d") == 403
    assert await be("ann").status("DELETE", "api/contents/d/e") == 403
    assert await be("ann").status("DELETE", "api/contents/d/x.txt") == 204


# ---------------------------------------------------------------------- paths

# Ways to write `b/x.txt`, which nobody may read, and to make it look like something in `a`.
SPELLINGS = [
    "b/x.txt",
    "/b/x.txt",
    "//b/x.txt",
    "b//x.txt",
    "./b/x.txt",
    "b/./x.txt",
    "a/../b/x.txt",
    "a/%2e%2e/b/x.txt",
    "a/%2E./b/x.txt",
    "a%2f..%2fb%2fx.txt",
    "a/..%2fb/x.txt",
    "a//../b/x.txt",
    "a/./../b/x.txt",
    "a/sub/../../b/x.txt",
    "a/%252e%252e/b/x.txt",
    "a/..;/b/x.txt",
    "a/..%00/b/x.txt",
    "b/x.txt%00",
    "a%00/../b/x.txt",
    "b%2Fx.txt",
    "%62/x.txt",
    "b/x.txt/",
    "b/x.txt/.",
    "b/x.txt%20",
    "a\\..\\b\\x.txt",
    "a%5c..%5cb%5cx.txt",
    "a/%c0%ae%c0%ae/b/x.txt",
    "a/\uff0e\uff0e/b/x.txt".encode().decode("latin-1"),
    "B/x.txt",
    "a/../../root_dir/b/x.txt",
]
# These are just unusual names in `a`.
IN_A = {"a/%252e%252e/b/x.txt", "a/..;/b/x.txt", "a/%c0%ae%c0%ae/b/x.txt", SPELLINGS[-3]}
REFUSED = {302, 400, 403, 404}
PLACES = ["api/contents/{}", "files/{}", "view/{}", "nbconvert/python/{}",
          "api/contents/{}/checkpoints"]  # fmt: skip


def elsewhere(root):
    """Give all that is not in `a`."""
    return sorted(path for path in root.rglob("*") if root / "a" not in path.parents)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_hostile_paths_read_nothing(be, spelling):
    """No spelling of a path gives what the policy does not allow."""
    sent = quote(spelling, safe="/%;")
    for place in PLACES:
        for query in ("", "?content=1&type=file", "?type=directory"):
            reply = await be("ann").fetch("GET", place.format(sent) + query)
            assert b"secret" not in reply.body
            # A redirect to the address without the slash at its end shows nothing.
            if spelling not in IN_A:
                assert reply.code in REFUSED, (place, reply.code, reply.body)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_hostile_paths_change_nothing(be, spelling):
    """Nor does one write, move, copy or delete it, in the address or in the body."""
    sent, text = quote(spelling, safe="/%;"), unquote(spelling)
    secret = be.root / "b/x.txt"
    here = elsewhere(be.root)
    ann = be("ann")
    for verb, path, body in [
        ("PUT", f"api/contents/{sent}", FILE),
        ("DELETE", f"api/contents/{sent}", None),
        ("PATCH", f"api/contents/{sent}", {"path": "a/taken.txt"}),
        ("POST", f"api/contents/{sent}/checkpoints", ""),
        ("POST", f"api/contents/{sent}/trust", ""),
        ("POST", f"api/contents/{sent}", {"type": "file"}),
        ("POST", "api/contents/a", {"copy_from": text}),
        ("PATCH", "api/contents/a/x.txt", {"path": text}),
    ]:
        reply = await ann.fetch(verb, path, body)
        if spelling not in IN_A:
            assert reply.code in REFUSED, (verb, path, reply.code, reply.body)
        assert secret.read_text() == "secret"
    assert elsewhere(be.root) == here


async def test_spellings_of_what_is_allowed(be):
    """Harmless spellings of an allowed path still lead to it."""
    for spelling in ("a/x.txt", "/a/x.txt", "a//x.txt", "a%2Fx.txt", "%61/x.txt", "a/./x.txt"):
        assert await be("ann").status("GET", f"api/contents/{spelling}") in {200, 404}, spelling
    assert await be("ann").status("GET", "api/contents/a%2Fx.txt") == 200


async def test_names_match_whole_segments(be):
    """`a` never means `a2`, and case counts."""
    assert await be("ann").status("GET", "api/contents/a2/x.txt") == 403
    assert await be("ann").status("GET", "api/contents/A/x.txt") == 403


# ---------------------------------------------------------------------- pages that lead to files


async def test_resolving_paths(be):
    """Whether a file is there is told to whom may read it."""
    if not any(route.pattern.endswith("/api/resolvePath$") for route in be.guard.routes.all()):
        pytest.skip("this version of Jupyter Server has no such address")
    assert await be("ann").status("GET", "api/resolvePath?path=a/x.txt") in {200, 404}
    assert await be("ann").status("GET", "api/resolvePath?path=b/x.txt") == 403
    assert await be("ann").status("GET", "api/resolvePath?path=../b/x.txt") == 403


async def test_converting_asks_for_the_notebook_and_the_format(serve):
    """The format is included in the contents of a path, and can be denied alone."""
    be = serve(roles=[allowing("read:contents!path=a/**", deny=["read:nbconvert"])])
    be.write(a__n_ipynb=NOTEBOOK)
    assert await be("ann").status("GET", "api/contents/a/n.ipynb") == 200
    assert await be("ann").status("GET", "nbconvert/python/a/n.ipynb") == 403


async def test_a_checkpoint_is_read_by_path(serve, jp_server_config):
    """Where hidden files are shown, a checkpoint is asked as the file that it is of, too."""
    jp_server_config.ContentsManager.allow_hidden = True
    be = serve(
        roles=[
            allowing("*", users=["root"], name="root"),
            allowing(
                "read,write:contents!path=a/**",
                users=["bob"],
                deny=["read,write:contents!path=a/exam-solutions.txt"],
            ),
        ]
    )
    be.write(a__exam_txt="exam")
    (be.root / "a" / "exam-solutions.txt").write_text("secret")
    root, bob = be("root"), be("bob")
    for name in ("exam.txt", "exam-solutions.txt"):
        assert await root.status("POST", f"api/contents/a/{name}/checkpoints", "") == 201
    there = "a/.ipynb_checkpoints"
    listed = await bob.json("GET", f"api/contents/{there}")
    assert [entry["name"] for entry in listed["content"]] == ["exam-checkpoint.txt"]
    for user, status in [(bob, 403), (root, 200)]:
        for kind in ("api/contents", "files"):
            assert await user.status("GET", f"{kind}/{there}/exam-checkpoint.txt") == 200
            path = f"{kind}/{there}/exam-solutions-checkpoint.txt"
            assert await user.status("GET", path) == status
    # Nor is it moved, or removed with all that are there.
    moved = {"path": "a/mine.txt"}
    path = f"api/contents/{there}/exam-solutions-checkpoint.txt"
    assert await bob.status("PATCH", path, moved) == 403
    assert await bob.status("DELETE", f"api/contents/{there}") == 403


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/x.txt", "a/x.txt"),
        (".ipynb_checkpoints", ""),
        ("a/.ipynb_checkpoints", "a"),
        (".ipynb_checkpoints/x-checkpoint.txt", "x.txt"),
        ("a/.IPYNB_checkpoints/x-y-checkpoint.tar.gz", None),
        ("a/.ipynb_checkpoints/x-y-checkpoint.gz", "a/x-y.gz"),
        ("a/.ipynb_checkpoints/.x-checkpoint", "a/.x"),
        ("a/.ipynb_checkpoints/x.tar-checkpoint.gz", "a/x.tar.gz"),
        ("\u0130/.ipynb_checkpoints/x-1.txt", "\u0130/x.txt"),
        ("a/.ipynb_checkpoints/x", None),
        ("a/.ipynb_checkpoints/b/x-checkpoint.txt", None),
        ("a/.ipynb_checkpoints/.ipynb_checkpoints/x-checkpoint-checkpoint.txt", None),
        ("a/my.ipynb_checkpoints/x", "a/my.ipynb_checkpoints/x"),
    ],
)
def test_the_file_of_a_checkpoint(path, expected):
    """A checkpoint's name tells whose it is, or it is unknown."""
    assert links._original(path, ".ipynb_checkpoints") == expected


async def test_checkpoints_of_others(serve):
    """The id of a checkpoint is a part of a file's name: it must not make it another's."""
    be = serve(
        roles=[
            allowing("*", users=["root"], name="root"),
            allowing(
                "read,write:contents!path=a/**",
                users=["bob"],
                deny=["read,write:contents!path=a/exam-solutions.txt"],
            ),
        ]
    )
    be.write(a__exam_txt="exam")
    (be.root / "a" / "exam-solutions.txt").write_text("secret")
    root, bob = be("root"), be("bob")
    theirs = "api/contents/a/exam-solutions.txt/checkpoints"
    mine = "api/contents/a/exam.txt/checkpoints"
    assert await root.status("POST", theirs, "") == 201
    assert await bob.status("POST", mine, "") == 201
    for method in ("POST", "DELETE"):
        assert await bob.status(method, f"{mine}/solutions-checkpoint") == 403
    # One's own, whether it is there or not.
    assert await bob.status("DELETE", f"{mine}/anything") == 404
    assert len(await root.json("GET", theirs)) == 1
    assert await bob.status("POST", f"{mine}/checkpoint") == 204
    assert (be.root / "a" / "exam.txt").read_text() == "exam"
    assert await bob.status("DELETE", f"{mine}/checkpoint") == 204
    # A checkpoint itself has none.
    (be.root / "a" / "exam-solutions.txt").write_text("newer")
    for name in (".ipynb_checkpoints", ".IPYNB_checkpoints"):
        itself = f"api/contents/a/{name}/exam-solutions-checkpoint.txt/checkpoints"
        for method, end in [("GET", ""), ("POST", ""), ("POST", "/checkpoint")]:
            body = None if method == "GET" else ""
            assert await bob.status(method, f"{itself}{end}", body) == 403
