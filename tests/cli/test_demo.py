"""`jupyter authz demo`: four people, of whom each sees what is theirs."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from demonstration import serving_demo
from serving import Client, block, serving

FILES = {
    "ann": {"team", "welcome"},
    "bob": {"team", "welcome"},
    "cy": {"team", "welcome"},
    "dan": {"welcome"},
}
FOLDERS = {"ann": {"data-science", "finance"}, "bob": {"data-science"}, "cy": {"finance"}}
# What is asked for, and who gets it.
DOORS = [
    ("api/contents/welcome/Welcome.ipynb", {"ann", "bob", "cy", "dan"}),
    ("api/contents/team/finance/Budget.ipynb", {"ann", "cy"}),
    ("api/contents/team/data-science/Forecast.ipynb", {"ann", "bob"}),
    ("files/team/finance/spending.csv", {"ann", "cy"}),
    ("nbconvert/html/team/finance/Budget.ipynb", {"ann", "cy"}),
    ("voila/render/team/finance/Budget.ipynb", {"ann", "cy"}),
    ("voila/render/team/data-science/Forecast.ipynb", {"ann", "bob"}),
    ("voila/render/welcome/Welcome.ipynb", {"ann"}),
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with serving_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def test_each_sees_what_is_theirs(demo):
    """The manager everything, a team its own, the fourth the welcome page."""
    for name, expected in FILES.items():
        root = demo.client(name).request("GET", "api/contents").json
        assert {entry["name"] for entry in root["content"]} == expected
        team = demo.client(name).request("GET", "api/contents/team")
        shown = {entry["name"] for entry in team.json["content"]} if team.status == 200 else None
        assert shown == FOLDERS.get(name)


@pytest.mark.parametrize(("path", "allowed"), DOORS, ids=[path for path, _ in DOORS])
def test_who_gets_what(demo, path, allowed):
    """Notebooks, files and dashboards are those of the team; a dashboard has run."""
    for name in demo.people:
        reply = demo.client(name).request("GET", path)
        assert reply.status == (200 if name in allowed else 403), name
    if path.endswith("Budget.ipynb") and path.startswith("voila"):
        page = demo.client("cy").request("GET", path).body.decode()
        # Of rows that the notebook has read and added up.
        assert "3,600" in page
        assert "Traceback" not in page


def test_the_archive_is_kept(demo):
    """A team may not change what is in its archive; the manager may."""
    body = {"type": "file", "format": "text", "content": "new"}
    path = "api/contents/team/finance/archive/new.txt"
    assert demo.client("cy").status("PUT", path, body) == 403
    assert demo.client("cy").status("PUT", "api/contents/team/finance/new.txt", body) == 201
    assert demo.client("ann").status("PUT", path, body) == 201


def test_nothing_of_it_stays(tmp_path):
    """Its directory is nobody else's, and gone when the server has stopped."""
    with serving_demo(tmp_path) as demo:
        directory = Path(demo.told["directory"])
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / "accounts.db").stat().st_mode) == 0o600
        assert demo.client("cy").status("GET", "voila/render/team/finance/Budget.ipynb") == 200
    assert not directory.exists()
    # Where the server runs is told to others of its user, as always; the log is this test's.
    left = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"runtime", "server.log", "ipython", ".npm"}


def test_what_is_printed_for_people(tmp_path):
    """Who there is and how to sign in as each is the last thing on the terminal."""
    with serving(tmp_path, "demo", application="authz") as port:
        shown = _shown(tmp_path / "server.log")
        rows = {line.split()[0]: line.split() for line in shown.splitlines() if line[:4] == "    "}
        assert f"Open http://localhost:{port}/lab" in shown
        readme = block("demo").splitlines()
        for line in readme[1:]:
            name, password, *rest = line.split()
            assert rows[name][2:] == rest
            assert len(password) == len(rows[name][1])
        curl = shlex.split(next(line for line in shown.splitlines() if "curl" in line))
        token = curl[2].rpartition(" ")[2]
        path = curl[3].partition(f"{port}/")[2]
        assert Client(port, token).status("GET", path) == 200


def _shown(log):
    import time

    from jupyter_authz.cli.demo_people import _FOUR

    deadline = time.monotonic() + 60
    while "Stop it with Ctrl+C" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    text = log.read_text()
    assert all(one.who in text for one in _FOUR)
    return text[text.index("\nOpen http") :]


def test_a_directory_of_ones_own(tmp_path):
    """What was done in it is there for a server that is started with its configuration."""
    place = tmp_path / "here"
    body = {"type": "file", "format": "text", "content": "new"}
    with serving_demo(tmp_path / "home", str(place)) as demo:
        assert demo.client("cy").status("PUT", "api/contents/team/finance/new.txt", body) == 201
        token = demo.people["cy"]["token"]
    config = f"--config={place / 'jupyter_server_config.py'}"
    with serving(tmp_path / "home", config) as port:
        assert Client(port, token).status("GET", "api/contents/team/finance/new.txt") == 200


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["full"], "full: expected a directory that is new or empty"),
        (["a?b"], "a?b: expected a name without '?'"),
        (["full/file"], "full/file: File exists"),
        (["--config=x.py"], "unexpected --config: it has a configuration"),
        (["--jsn"], "unknown option '--jsn'"),
    ],
)
def test_what_is_refused(authz, home, arguments, expected):
    """A line that says why, and nothing is made."""
    (home / "root" / "full").mkdir()
    (home / "root" / "full" / "file").write_text("kept")
    before = sorted(Path.cwd().iterdir())
    result = authz("demo", *arguments)
    assert result.status == 1
    assert expected in result.err
    assert (home / "root" / "full" / "file").read_text() == "kept"
    assert sorted(Path.cwd().iterdir()) == before
