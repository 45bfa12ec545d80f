"""Paths from the root of the file system, and from nowhere, win nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from people import allowing

from jupyter_authz.model import OF_THE_SERVER, Resource
from jupyter_authz.resources.git import ROWS as GIT
from jupyter_authz.resources.proxy import ROWS as PROXY
from jupyter_authz.resources.requests import Request, part, relative
from jupyter_authz.resources.table import as_path

DENIED = {
    "name": "closed",
    "users": ["*"],
    "deny": ["read:contents!path=closed/**"],
    "allow": ["read:ui"],
}


@pytest.fixture
def be(serve):
    """Run a server on which everything may be read but one folder."""
    be = serve(roles=[allowing("*"), DENIED])
    be.write(**{"closed/a.txt": "secret", "open/b.txt": "open"})
    return be


def asked(**arguments):
    """Make a request as the tables see it."""
    handler = SimpleNamespace(**{"path_args": [], "path_kwargs": {}, "settings": {}, **arguments})
    return Request(handler)


@pytest.mark.parametrize("before", ["", "/", "%2F", "//"])
async def test_files_by_their_place_in_the_file_system(be, jp_root_dir, before):
    """A file that is denied is denied by whatever path it is asked for."""
    ann = be("ann")
    for verb in ("GET", "HEAD"):
        for place in (
            "closed",
            str(jp_root_dir / "closed"),
            str(jp_root_dir / "closed").strip("/"),
        ):
            assert await ann.status(verb, f"files/{before}{place}/a.txt") != 200
    reply = await ann.status("GET", "files/open/b.txt")
    assert reply == 200


def test_a_group_the_pattern_does_not_have_is_unknown():
    """Only a group that took no part in the match is empty."""
    request = asked(path_kwargs={"path": None, "name": "x"}, path_args=["/etc"])
    assert part("path")(request) == ""
    assert part("name")(request) == "x"
    assert part("pth")(request) is None
    assert part(0)(request) == "/etc"
    assert part(1)(request) is None
    # It cannot be compared.
    assert as_path(relative(part(0))(request)) is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/team/a", "team/a"),
        ("/team/%2e%2e/closed", (OF_THE_SERVER,)),
        ("/team/%2Fclosed", (OF_THE_SERVER,)),
        ("/team%2Fa", "team/a"),
        ("", ""),
    ],
)
def test_git_decodes_once_more(url, path):
    """The path of a repository is the one that its handlers make of it."""
    row = next(row for row in GIT if row.handler.endswith("GitStatusHandler"))
    for ask in row.asked("POST"):
        assert ask.resource(asked(path_kwargs={"path": url})).path == path


def test_nothing_of_git_is_only_reading():
    """Whatever git does, it runs what the repository's configuration names."""
    for row in GIT:
        for verb in ("POST", "GET", "DELETE"):
            asks = row.asked(verb) if row.every or verb in row.asks else ()
            if any(ask.path is not None for ask in asks):
                assert ("execute", "git") in {(ask.action, ask.type) for ask in asks}, row


@pytest.mark.parametrize("path", ["/admin?x", "/admin#/y", "/a?", "/a/..;/b", "/a/..\\b", "/.;x/b"])
def test_an_encoded_query_is_no_path(path):
    """What ends a path on its way to the application makes it unknown."""
    row = next(row for row in PROXY if row.handler.endswith("LocalProxyHandler"))
    (ask,) = row.asked("GET")
    request = asked(path_args=["8050", path])
    assert ask.resource(request) == Resource("proxy", name="localhost:8050", url=None)
