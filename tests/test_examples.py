"""The examples: each is run with the very command that it names, and does what it promises."""

from __future__ import annotations

import json
import time

import pytest
from serving import ROOT, Client, serving

TOKEN = "examples"
NOTEBOOK = {
    "type": "notebook",
    "format": "json",
    "content": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
}
TEXT = {"type": "file", "format": "text", "content": "new"}
SESSION = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": "python3"}}

# What is done, and whether each of the three servers lets it through.
# The last column: read-only, reading and writing, temporary.
TRUTH = [
    ("look at a folder", "GET", "api/contents", None, (True, True, True)),
    ("read a file", "GET", "api/contents/a.txt", None, (True, True, True)),
    ("download a file", "GET", "files/a.txt", None, (True, True, True)),
    ("the classic tree", "GET", "nbclassic/tree", None, (True, True, True)),
    ("the classic notebook", "GET", "nbclassic/notebooks/a.ipynb", None, (True, True, True)),
    ("convert a notebook", "GET", "nbconvert/html/a.ipynb", None, (True, True, True)),
    ("list kernels", "GET", "api/kernels", None, (True, True, True)),
    ("list kernelspecs", "GET", "api/kernelspecs", None, (True, True, True)),
    ("list sessions", "GET", "api/sessions", None, (True, True, True)),
    ("list terminals", "GET", "api/terminals", None, (True, True, True)),
    ("who am I", "GET", "api/me", None, (True, True, True)),
    ("save a file", "PUT", "api/contents/a.txt", TEXT, (False, True, False)),
    ("make a file", "POST", "api/contents", {"type": "file"}, (False, True, False)),
    ("copy a file", "POST", "api/contents", {"copy_from": "a.txt"}, (False, True, False)),
    ("rename a file", "PATCH", "api/contents/b.txt", {"path": "c.txt"}, (False, True, False)),
    ("make a checkpoint", "POST", "api/contents/a.txt/checkpoints", None, (False, True, False)),
    ("restore it", "POST", "api/contents/a.txt/checkpoints/checkpoint", None, (False, True, False)),
    ("trust a notebook", "POST", "api/contents/a.ipynb/trust", None, (False, True, True)),
    (
        "convert one's own",
        "POST",
        "nbconvert/html",
        {"name": "x.ipynb", "content": NOTEBOOK["content"]},
        (False, True, False),
    ),
    ("delete a file", "DELETE", "api/contents/d.txt", None, (False, True, False)),
    ("start a kernel", "POST", "api/kernels", {"name": "python3"}, (False, False, True)),
    ("start a session", "POST", "api/sessions", SESSION, (False, False, True)),
    ("start a terminal", "POST", "api/terminals", {}, (False, False, True)),
    ("load code for all", "PUT", "api/config/notebook", {}, (False, False, True)),
]
SERVERS = ("readonly", "rw", "temporary")


@pytest.fixture(
    scope="module",
    params=[(way, name) for way in ("hooks", "roles") for name in SERVERS],
    ids="-".join,
)
def example(request, tmp_path_factory):
    """Run one of the six configuration files with nbclassic."""
    way, name = request.param
    home = tmp_path_factory.mktemp(f"{way}-{name}")
    root = home / "root"
    root.mkdir()
    for letter in "abd":
        (root / f"{letter}.txt").write_text("old")
    (root / "a.ipynb").write_text(json.dumps(NOTEBOOK["content"]))
    config = ROOT / "examples" / way / f"{name}_config.py"
    with serving(
        home,
        f"--config={config}",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={TOKEN}",
        application="nbclassic",
    ) as port:
        yield name, Client(port, TOKEN), root


def test_example_does_what_it_promises(example):
    """The same file as a hook and as roles lets the same requests through, and no others."""
    name, client, root = example
    position = SERVERS.index(name)
    seen = {}
    for what, method, path, body, _ in TRUTH:
        seen[what] = client.request(method, path, body).status
    expected = {what: allowed[position] for what, *_, allowed in TRUTH}
    assert {what: status < 400 for what, status in seen.items()} == expected
    assert {status for what, status in seen.items() if not expected[what]} <= {403}
    if name == "rw":
        return
    assert (root / "a.txt").read_text() == "old"
    assert sorted(p.name for p in root.iterdir() if p.suffix == ".txt") == [
        "a.txt",
        "b.txt",
        "d.txt",
    ]


def test_nothing_runs_where_nothing_may(example):
    """A refused session leaves no kernel, and a kernel's websocket is refused at the handshake."""
    name, client, _ = example
    if name == "temporary":
        assert client.request("GET", "api/kernels").json
        for kernel in client.request("GET", "api/kernels").json:
            client.request("DELETE", f"api/kernels/{kernel['id']}")
        return
    assert client.request("POST", "api/sessions", SESSION).status == 403
    time.sleep(0.2)
    assert client.request("GET", "api/kernels").json == []
    assert client.request("GET", "api/sessions").json == []
    assert client.request("GET", "api/terminals").json == []
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    channels = "api/kernels/00000000-0000-0000-0000-000000000000/channels"
    assert client.request("GET", channels, headers=upgrade).status == 403


def test_a_configuration_with_people_in_it(tmp_path):
    """The four of `examples/shared` sign in by token, and see the folders that are theirs."""
    config = ROOT / "examples" / "shared" / "jupyter_server_config.py"
    seen = {}
    with serving(tmp_path, f"--config={config}") as port:
        for name in ("ann", "bob", "cy", "dan"):
            client = Client(port, f"{name}-token")
            seen[name] = [
                client.status("GET", f"api/contents/{path}")
                for path in ("team/finance", "team/data-science", "welcome")
            ]
    assert seen == {
        "ann": [200, 200, 200],
        "bob": [403, 200, 200],
        "cy": [200, 403, 200],
        "dan": [403, 403, 200],
    }


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory):
    """Run the server of `examples/dashboards`."""
    config = ROOT / "examples" / "dashboards" / "jupyter_server_config.py"
    with serving(tmp_path_factory.mktemp("dashboards"), f"--config={config}") as port:
        yield port


MINE = {"ann": {"finance", "science"}, "bob": {"science"}, "cy": {"finance"}, "dan": set()}


@pytest.mark.parametrize("team", ["finance", "science"])
@pytest.mark.parametrize("name", list(MINE))
def test_dashboards_of_a_team(dashboards, name, team):
    """Notebooks and applications of a team, with all that belongs to them, are the team's."""
    client = Client(dashboards, f"{name}-token")
    notebook = {"finance": "Budget", "science": "Model"}[team]
    expected = 200 if team in MINE[name] else 403
    for path in (
        f"voila/render/{team}/{notebook}.ipynb",
        f"apps/{team}",
        f"apps/{team}/metadata",
        f"apps/{team}/autoload.js?bokeh-autoload-element=1",
    ):
        assert client.status("GET", path) == expected, path
    assert (client.status("GET", f"apps/{team}/ws") == 403) is (expected == 403)
    if expected == 200:
        return
    # In whatever way it is written.
    encoded = f"%{ord(team[0]):02x}{team[1:]}"
    for path in (
        f"apps/{team}/",
        f"apps//{team}",
        f"apps/{encoded}",
        f"apps/{team.title()}",
        f"apps/static/../{team}",
        f"apps/static/%2e%2e/{team}",
        f"apps/{team}?a=/static/x",
        f"voila/render/{team}/{notebook}.ipynb/",
        f"voila/render/{encoded}/{notebook}.ipynb",
        f"voila/tree/{team}",
        f"voila/api/contents/{team}",
        f"voila/files/{team}/{notebook}.ipynb",
        f"api/contents/{team}",
    ):
        assert client.status("GET", path) in {403, 404}, path


def test_what_belongs_to_all_applications(dashboards):
    """The index of all is the manager's, what pages are made of is for those who have one."""
    for name, mine in MINE.items():
        client = Client(dashboards, f"{name}-token")
        assert (client.status("GET", "apps/") == 200) is (name == "ann")
        assert (client.status("GET", "apps/static/js/bokeh.min.js") == 200) is bool(mine)
        assert client.status("GET", "voila/render/welcome/Welcome.ipynb") == 200
    stranger = Client(dashboards)
    page = stranger.request("GET", "apps/finance", headers={"Accept": "text/html"})
    assert (page.status, page.headers["Location"]) == (302, "/login?next=%2Fapps%2Ffinance")


@pytest.fixture
def migrating(tmp_path):
    """Give a function that runs one of the servers of `examples/migrating`, as a context."""

    def run(name):
        config = ROOT / "examples" / "migrating" / name / "jupyter_server_config.py"
        return serving(tmp_path / name, f"--config={config}")

    return run


def seen(port, path):
    """Give what each of the three gets."""
    return [Client(port, f"{name}-token").status("GET", path) for name in ("ann", "bob", "cy")]


def test_a_callback_with_a_users_file(migrating):
    """Every name in it counts, not only the last; who is not in it is denied."""
    with migrating("users_file") as port:
        assert seen(port, "view/hello.txt") == [200, 200, 403]
        assert seen(port, "api/contents/users.txt") == [404, 404, 403]
        assert Client(port).status("GET", "api/contents") == 403


def test_a_callback_with_path_lists(migrating):
    """Whole segments, for users and for each of their groups."""
    with migrating("path_lists") as port:
        assert seen(port, "view/reports/a.txt") == [200, 200, 403]
        assert seen(port, "files/reports/a.txt") == [200, 200, 403]
        assert seen(port, "view/reports2/a.txt") == [200, 403, 403]
        assert seen(port, "files/reports2/a.txt") == [200, 403, 403]
        assert seen(port, "files/finance/a.txt") == [200, 403, 200]
        assert seen(port, "files/reports/../finance/a.txt") == [403, 403, 403]
        assert seen(port, "files/reports%2F..%2Ffinance/a.txt") == [403, 403, 403]
        assert seen(port, "api/status") == [200, 403, 403]


def test_a_callback_with_redirects(migrating):
    """From the root to one's own page, whatever is at its end; elsewhere only administrators."""
    with migrating("redirects") as port:
        for name, place in (("ann", "admin"), ("bob", "user")):
            page = Client(port, f"{name}-token").request("GET", "", headers={"Accept": "text/html"})
            location = f"/view/{place}/index.html"
            assert (page.status, page.headers["Location"]) == (302, location)
            shown = Client(port, f"{name}-token").request("GET", f"files/{place}/index.html")
            assert b"The page for" in shown.body
        assert seen(port, "files/admin/index.html") == [200, 403, 403]
        assert seen(port, "files/user/index.html") == [200, 200, 200]
        assert seen(port, "files/users/index.html") == [404, 403, 403]


def test_an_extension_that_requires_members(migrating):
    """Hierarchically, and by whole segments."""
    with migrating("membership") as port:
        assert seen(port, "api/grades") == [200, 200, 403]
        given = [
            Client(port, f"{name}-token").status("PUT", "api/grades", {"cy": 1})
            for name in ("ann", "bob", "cy")
        ]
        assert given == [200, 403, 403]
        assert Client(port, "bob-token").request("GET", "api/grades").json["grades"]["cy"] == 1
