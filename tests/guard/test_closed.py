"""What makes the policy and the server is nobody's, even where it lies under the root."""

from __future__ import annotations

import json

import pytest
from people import allowing
from serving import Client, serving

from jupyter_authz import new_token

TEXT = {"type": "file", "format": "text", "content": "c.JupyterAuthz.roles = None"}


MODULE = "def authorize(user_info):\n    return True\n"
DECIDES = {
    "roles": "c.JupyterAuthz.roles = [{'name': 'all', 'users': ['*'], 'allow': ['*']}]\n",
    "callback": "import sys\n"
    "sys.path.insert(0, HOME)\n"
    "c.JupyterAuthz.authorize_callback = 'deciding_about_all.authorize'\n",
    "hook": "from jupyter_server.base.handlers import JupyterHandler\n"
    "JupyterHandler.user_is_authorized = lambda self, user, action, resource: True\n",
}


@pytest.fixture(scope="module", params=DECIDES)
def ann(request, tmp_path_factory):
    """Give somebody who may do everything, on a server whose root has all its files."""
    home = tmp_path_factory.mktemp("closed")
    token, hashed = new_token()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    # As people have it who keep their configuration in a place of its own.
    (home / "config.py").symlink_to(elsewhere / "config.py")
    (elsewhere / "conf.d").mkdir()
    (home / "config").symlink_to(elsewhere / "conf.d")
    (home / "config.py").write_text(
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        f"c.AccountsIdentityProvider.users = {{'ann': {{'hashed_tokens': [{hashed!r}]}}}}\n"
        f"c.ServerApp.root_dir = {str(home)!r}\n"
        f"load_subconfig('parts/roles.py', path={str(home)!r})\n"
        f"c.SQLiteYStore.db_path = {str(home / 'rooms' / 'kept.db')!r}\n"
        f"c.ServerApp.cookie_secret_file = {str(home / 'holds' / 'secret')!r}\n"
        + DECIDES[request.param].replace("HOME", repr(str(home)))
    )
    (home / "deciding_about_all.py").write_text(MODULE)
    (home / "notes").mkdir()
    (home / "notes" / "n.txt").write_text("n")
    # What the configuration includes, with what it includes.
    (home / "parts").mkdir()
    (home / "parts" / "roles.py").write_text("load_subconfig('more.py')\n")
    (home / "parts" / "more.py").write_text("")
    (home / "link").symlink_to("config.py")
    (home / "far").symlink_to(elsewhere)
    # A link before the file, out of the root.
    (home / "holds").mkdir()
    (home / "holds" / "a").symlink_to("/etc/hostname")
    (home / "holds" / "config.json").write_text("{}")
    (home / "notes" / "deep").mkdir()
    (home / "notes" / "deep" / "far").symlink_to(elsewhere)
    # What was prepared elsewhere, to be put where the server looks.
    (home / "planted" / "parts").mkdir(parents=True)
    (home / "planted" / "roles.py").write_text("c.JupyterAuthz.roles = None")
    with serving(home, f"--config={home}/config.py", cwd=home) as port:
        yield Client(port, token)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "api/contents/config.py", None),
        ("GET", "api/contents/RUNTIME", None),
        ("GET", "api/contents/link", None),
        ("GET", "files/config.py", None),
        ("PUT", "api/contents/config.py", TEXT),
        ("PUT", "api/contents/link", TEXT),
        ("DELETE", "api/contents/config.py", None),
        ("PATCH", "api/contents/config.py", {"path": "notes/c.py"}),
        ("PATCH", "api/contents/notes/n.txt", {"path": "config.py"}),
        ("POST", "api/contents/notes", {"copy_from": "config.py"}),
        # Not there yet: the server would read them the next time.
        ("PUT", "api/contents/jupyter_server_config.py", TEXT),
        ("PUT", "api/contents/jupyter_authz_config.json", TEXT),
        ("PUT", "api/contents/jupyter_server_config.d/x.json", TEXT),
        ("PUT", "api/contents/config/x.json", TEXT),
        ("GET", "api/contents/config", None),
        ("DELETE", "api/contents/config", None),
        ("POST", "api/contents/notes", {"copy_from": "config"}),
        ("PATCH", "api/contents/config", {"path": "notes/config"}),
        ("GET", "api/contents/far/config.py", None),
        ("PUT", "api/contents/far/conf.d/x.json", TEXT),
        ("GET", "files/far/config.py", None),
        ("POST", "api/contents/notes", {"copy_from": "notes/deep"}),
        ("POST", "api/contents/notes", {"copy_from": "holds"}),
        ("GET", "api/contents/runtime", None),
        # Of voila, where the server was started.
        ("PUT", "api/contents/voila.json", TEXT),
        ("PATCH", "api/contents/notes/n.txt", {"path": "voila.py"}),
        # Any suffix stands for those that are known.
        ("PUT", "api/contents/config.json", TEXT),
        ("GET", "api/contents/parts/roles.py", None),
        ("PUT", "api/contents/parts/more.py", TEXT),
        ("GET", "api/contents/rooms/kept.db", None),
        ("GET", "api/contents/rooms/kept.db-journal", None),
        # Directories with them below, or that would be in their place.
        ("DELETE", "api/contents/parts", None),
        ("PATCH", "api/contents/parts", {"path": "notes/parts"}),
        ("PATCH", "api/contents/holds", {"path": "notes/holds"}),
        ("PATCH", "api/contents/planted", {"path": "rooms"}),
        ("PATCH", "api/contents/planted", {"path": "ROOMS"}),
        ("POST", "api/contents/notes", {"copy_from": "parts"}),
        # By a path that leads to nobody knows where.
        ("GET", "api/contents/notes/../config.py", None),
        ("GET", "api/contents/nothing/../config.py", None),
        ("GET", "files/notes%2F..%2Fconfig.py", None),
        ("PUT", "api/contents/notes/%2e%2e/config.py", TEXT),
        ("PUT", "api/contents/notes/..%2Fjupyter_server_config.py", TEXT),
        ("DELETE", "api/contents/notes/../config.py", None),
        ("PATCH", "api/contents/notes/../config.py", {"path": "notes/c.py"}),
        ("PATCH", "api/contents/notes/n.txt", {"path": "notes/../config.py"}),
        ("POST", "api/contents/notes", {"copy_from": "notes/../config.py"}),
        ("POST", "api/contents/notes/..", {"type": "file"}),
        ("POST", "api/contents/notes/../config.py/checkpoints", None),
        ("GET", "nbconvert/html/notes/../config.py", None),
    ],
)
def test_nobody_is_let_at_the_files_of_the_server(ann, method, path, body):
    """By whatever way."""
    reply = ann.request(method, path, body)
    reason = json.loads(reply.body).get("reason")
    # A callback that hears of no path denies by itself.
    assert (reply.status, reason in {"closed", "callback"}) == (403, True)


def test_where_a_callback_comes_from(ann, request):
    """The module that it is imported from is nobody's, either, where there is one."""
    status = ann.status("PUT", "api/contents/deciding_about_all.py", {**TEXT, "content": MODULE})
    assert status == (403 if "callback" in request.node.callspec.id else 200)


async def test_what_a_template_is_made_of(serve, jp_root_dir):
    """All that is shown with it is the server's, there or not: what is in it runs in the server."""
    place = jp_root_dir / "pages"
    place.mkdir()
    (place / "denied.html").write_text('{% extends "parts/frame.html" %}')
    (place / "parts").mkdir()
    (place / "parts" / "frame.html").write_text('{% include "banner.html" ignore missing %}')
    be = serve(roles=[allowing("*")], denied_template=str(place / "denied.html"))
    for path in ("denied.html", "parts/frame.html", "banner.html"):
        reply = await be("ann").fetch("PUT", f"api/contents/pages/{path}", TEXT)
        assert (reply.code, json.loads(reply.body)["reason"]) == (403, "closed"), path
    for path in ("other.html", "parts/banner.html"):
        assert await be("ann").status("PUT", f"api/contents/pages/{path}", TEXT) == 201, path


def test_what_is_beside_them(ann):
    """It is anybody's as the roles say, and lists do not have the others."""
    names = {one["name"] for one in ann.request("GET", "api/contents").json["content"]}
    assert "notes" in names
    assert not names & {"config.py", "link", "config", "runtime"}
    assert ann.request("GET", "api/contents/notes/n.txt").json["content"] == "n"
    assert ann.request("PUT", "api/contents/notes/jupyter_server_config.py", TEXT).status == 201
