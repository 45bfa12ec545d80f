"""What requests to the supported packages ask: ada works in `a`, and only there."""

from __future__ import annotations

import json
import subprocess

import pytest

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}

# Requests that are let through for `a` and refused for `b`; `{}` is the directory.
IN_A = [
    ("GET", "/api/contents/{}", None),
    ("GET", "/files/{}/x.txt", None),
    ("GET", "/lab/tree/{}/x.txt", None),
    ("GET", "/tree/{}", None),
    ("GET", "/notebooks/{}/n.ipynb", None),
    ("GET", "/edit/{}/x.txt", None),
    ("GET", "/nbclassic/tree/{}", None),
    ("GET", "/nbclassic/notebooks/{}/n.ipynb", None),
    ("GET", "/nbclassic/edit/{}/x.txt", None),
    ("GET", "/api/fileid/id?path={}/x.txt", None),
    ("PUT", "/api/collaboration/session/{}/x.txt", {"format": "text", "type": "file"}),
    ("GET", "/voila/files/{}/x.png", None),
    ("POST", "/nbdime/api/isgit", {"path": "{}/n.ipynb"}),
    ("POST", "/nbdime/api/gitdiff", {"file_path": "{}/n.ipynb"}),
    ("POST", "/nbdime/api/diff", {"base": "checkpoint:{}/n.ipynb"}),
    ("POST", "/nbdime/api/diff", {"base": "git:{}/n.ipynb"}),
    ("POST", "/git/{}/status", {}),
    ("POST", "/git/{}/log", {"history_count": 1}),
    ("POST", "/git/{}/init", {}),
    ("POST", "/git/{}/content", {"filename": "x.txt", "reference": {"special": "WORKING"}}),
]


@pytest.mark.parametrize(("verb", "path", "body"), IN_A, ids=[f"{v} {p}" for v, p, _ in IN_A])
def test_paths_of_packages(real, verb, path, body):
    """The path is found where the package has it."""
    ada = real("ada")

    def named(directory):
        return {
            key: value.replace("{}", directory) if isinstance(value, str) else value
            for key, value in (body or {}).items()
        } or body

    allowed = ada.request(verb, path.format("a"), named("a"))
    assert allowed.status != 403, allowed.body
    for directory in ("b", "a/../b", "%61/%2e%2e/b"):
        refused = ada.request(verb, path.format(directory), named(directory))
        assert refused.status in {302, 403, 404}, (directory, refused.status, refused.body)
        assert b" in b" not in refused.body
    assert ada.status(verb, path.format("b"), named("b")) == 403


# Never for ada.
REFUSED = [
    ("GET", "/voila/render/b/n.ipynb", None),
    ("GET", "/voila/tree/b", None),
    ("POST", "/voila/api/shutdown/00000000-0000-0000-0000-000000000000", {}),
    ("POST", "/git/a/content", {"filename": "../b/x.txt", "reference": {"special": "WORKING"}}),
    ("POST", "/nbdime/api/diff", {"base": "a/n.ipynb", "remote": "a/x.txt"}),
    ("POST", "/nbdime/api/gitdiff", {"file_path": "/a/n.ipynb"}),
    ("POST", "/git/clone", {"clone_url": "x"}),
    ("POST", "/git/known_hosts", {}),
    ("PUT", "/lab/api/settings/x", {"raw": "{}"}),
    ("PUT", "/lab/api/workspaces/x", {"data": {}, "metadata": {"id": "x"}}),
    ("POST", "/lab/api/extensions", {"cmd": "install", "extension_name": "x"}),
    ("POST", "/lab/api/build", {}),
    ("POST", "/lab/api/plugins", {"cmd": "disable", "plugin_name": "x"}),
    ("GET", "/lab/api/translations/en", None),
    ("PUT", "/api/config/x", {}),
    ("POST", "/api/shutdown", {}),
    ("GET", "/lsp/status", None),
    ("GET", "/api/collaboration/timeline/b/x.txt", None),
    ("WS", "/api/collaboration/room/text:file:not-an-id", None),
    ("WS", "/lsp/ws/other", None),
    ("WS", "/terminals/websocket/1", None),
    ("WS", "/api/events/subscribe", None),
]


@pytest.mark.parametrize(("verb", "path", "body"), REFUSED, ids=[f"{v} {p}" for v, p, _ in REFUSED])
def test_refused(real, verb, path, body):
    """What runs or changes something for everybody asks for just that."""
    ada = real("ada")
    if verb == "WS":
        assert ada.request("GET", path, headers=HANDSHAKE).status == 403
    elif path == "/lsp/status":
        # Whoever may use one of them sees which there are.
        assert ada.status(verb, path) in {200, 403}
    else:
        reply = ada.request(verb, path, body)
        assert reply.status == 403 or path == "/git/known_hosts"  # not in every version
        assert reply.status in {403, 404}


def test_rooms(real):
    """The room of a document is the document's; the one of all is for whom may collaborate."""
    root, ada = real("root"), real("ada")
    ids = {}
    for directory in ("a", "b"):
        body = {"format": "text", "type": "file"}
        reply = root.request("PUT", f"/api/collaboration/session/{directory}/x.txt", body)
        ids[directory] = reply.json["fileId"]
    status = {
        directory: ada.request(
            "GET", f"/api/collaboration/room/text:file:{ids[directory]}", headers=HANDSHAKE
        ).status
        for directory in ids
    }
    assert status == {"a": 101, "b": 403}
    everybody = "/api/collaboration/room/JupyterLab:globalAwareness"
    assert ada.request("GET", everybody, headers=HANDSHAKE).status == 101
    assert real("ann").request("GET", everybody, headers=HANDSHAKE).status == 403
    for room in (f"text:file:{ids['b']}%3Fx", f"x:text:file:{ids['b']}", f"{ids['b']}"):
        reply = ada.request("GET", f"/api/collaboration/room/{room}", headers=HANDSHAKE)
        assert reply.status == 403, room


def test_the_path_of_an_id(real):
    """The id of a document gives its path to whom may read it."""
    root, ada = real("root"), real("ada")
    for directory, status in (("a", 200), ("b", 403)):
        body = {"format": "text", "type": "file"}
        reply = root.request("PUT", f"/api/collaboration/session/{directory}/x.txt", body)
        found = reply.json["fileId"]
        assert ada.status("GET", f"/api/fileid/path?id={found}") == status
    assert ada.status("GET", "/api/fileid/path?id=none") == 403


def test_a_repository_is_asked_as_a_whole(real):
    """Git acts on all of the repository that a directory is in."""
    root, ada = real("root"), real("ada")
    (real.root / "a" / "inside").mkdir()
    git = ["git", "-c", "user.name=r", "-c", "user.email=r@r"]
    (real.root / "c").mkdir()
    (real.root / "c" / "secret.txt").write_text("secret in c")
    (real.root / "a" / "link").symlink_to("../c")
    for place in ("c", "a/inside"):
        (real.root / place / "a").mkdir()
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x", "--allow-empty"]):
            subprocess.run([*git, *command], cwd=real.root / place, check=True)
    shown = {"filename": "secret.txt", "reference": {"git": "HEAD"}}
    assert b"secret in c" in root.request("POST", "/git/c/a/content", shown).body
    for path in ("c", "c/a", "a/link", "a/link/a"):
        assert ada.status("POST", f"/git/{path}/content", shown) == 403, path
        assert ada.status("POST", f"/git/{path}/status", {}) == 403, path
    assert ada.status("POST", "/git/a/inside/a/status", {}) == 200
    above = real.root.parent / ".git"
    above.mkdir()
    try:
        assert ada.status("POST", "/git/b/status", {}) == 403
        # Only the whole of it is asked about, which is more than contents has.
        assert real("root").status("POST", "/git/b/status", {}) != 403
    finally:
        above.rmdir()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/git/a/diff", {"previous": "--output={}", "current": "HEAD"}),
        ("/git/a/detailed_log", {"selected_hash": "--output={}"}),
        ("/git/a/changed_files", {"single_commit": "--output={}"}),
        ("/git/a/content", {"filename": "x", "reference": {"git": "--output={}"}}),
        ("/git/a/add", {"add_all": False, "filename": ["--output={}"]}),
        ("/git/a/commit", {"commit_msg": "- fine", "amend": " --output={}"}),
        ("/nbdime/api/gitdiff", {"file_path": "a/n.ipynb", "ref_local": {"git": "--output={}"}}),
        ("/nbdime/api/diff", {"base": "git:a/n.ipynb", "x": "--output={}"}),
    ],
)
def test_nothing_is_an_option_of_git(real, path, body):
    """It would write to any file; and the repository is nobody's to write."""
    precious = real.root / "a" / "x.txt"
    text = json.dumps(body).replace("{}", str(precious))
    assert real("ada").status("POST", path, json.loads(text)) == 400
    assert precious.read_text() == "text in a"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/nbdime/api/diff", {"base": "git:"}, 403),
        ("/nbdime/api/diff", {"base": "checkpoint:"}, 403),
        ("/nbdime/api/diff", {"base": "git:*"}, 403),
        ("/nbdime/api/diff", {"base": "git:b"}, 403),
        ("/nbdime/api/gitdiff", {"file_path": ""}, 403),
        ("/nbdime/api/gitdiff", {"file_path": "."}, 403),
        ("/nbdime/api/isgit", {"path": ""}, 403),
        ("/nbdime/api/diff", {"base": None}, 403),
        ("/nbdime/api/diff", None, 403),
        ("/nbdime/api/isgit", {}, 403),
        ("/nbdime/api/isgit", {"path": 5}, 400),
    ],
)
def test_what_nbdime_compares(real, path, body, status):
    """Nothing is compared that is asked about as nothing."""
    assert real("ada").status("POST", path, body) == status


def test_the_kernel_of_a_dashboard(real):
    """It belongs to whoever opened the page."""
    assert real("ada").request("GET", "/api/kernels").json == []
    page = real("ada").request("GET", "/voila/render/a/n.ipynb", None)
    assert page.status == 200
    (kernel,) = real("ada").request("GET", "/api/kernels").json
    assert real("root").status("DELETE", f"/api/kernels/{kernel['id']}") == 204
