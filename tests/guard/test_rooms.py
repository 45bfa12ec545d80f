"""Rooms of jupyter_server_ydoc: each client by its own rights, first or last into the room."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace

import nbformat
import pytest
from guard.test_revocation import policy
from jupyter_core.utils import ensure_async
from jupyter_ydoc import YNotebook
from people import allowing
from pycrdt import (
    Array,
    Awareness,
    Decoder,
    Doc,
    Encoder,
    Map,
    Text,
    XmlFragment,
    create_awareness_message,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    read_message,
)
from tornado.httpclient import HTTPClientError

from jupyter_authz.guard import trust
from jupyter_authz.guard.trust import keep_trust_out
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_roles
from jupyter_authz.resources.types import TYPES

SECONDS = 10


@pytest.fixture
def be(serve, jp_server_config, jp_asyncio_loop, tmp_path):
    """Run a server with collaboration, on which ann and wes write and rita reads."""
    jp_server_config.ServerApp.jpserver_extensions.update(
        jupyter_server_ydoc=True, jupyter_server_fileid=True
    )
    jp_server_config.YDocExtension.document_save_delay = 0.1
    jp_server_config.SQLiteYStore.db_path = str(tmp_path / "rooms.db")
    be = serve(
        roles=[
            allowing("*", users=["ann", "wes"], name="writers"),
            allowing("read:contents!path=*.txt", "read:collaboration", users=["rita"], name="rita"),
        ]
    )
    be.write(a_txt="begun", secret_md="secret")
    be.peers = []
    yield be
    for peer in be.peers:
        jp_asyncio_loop.run_until_complete(peer.close())
    jp_asyncio_loop.run_until_complete(asyncio.sleep(0.3))


class Peer:
    """A client of a room."""

    def __init__(self, connection):
        self.connection = connection
        self.doc = Doc()
        self.text = self.doc.get("source", type=Text)
        self.cells = self.doc.get("cells", type=Array)
        self.raw = []
        self.present = []
        self.reading = asyncio.ensure_future(self._read())

    @classmethod
    async def join(cls, be, name, path="a.txt", *, as_text=False):
        """Enter the room of a file."""
        is_notebook = path.endswith(".ipynb") and not as_text
        form, kind = ("json", "notebook") if is_notebook else ("text", "file")
        session = await be(name).json(
            "PUT", f"api/collaboration/session/{path}", {"format": form, "type": kind}
        )
        room = f"{form}:{kind}:{session['fileId']}"
        where = f"api/collaboration/room/{room}?sessionId={session['sessionId']}"
        peer = cls(await be(name).connect(where))
        peer.room = room
        be.peers.append(peer)
        await peer.send(create_sync_message(peer.doc))
        await peer.until(lambda: str(peer.text) or len(peer.cells))
        return peer

    async def _read(self):
        while (message := await self.connection.read_message()) is not None:
            if message[0] == 0:
                reply = handle_sync_message(message[1:], self.doc)
                if reply is not None:
                    await self.send(reply)
            elif message[0] == 1:
                self.present.append(message)
            else:
                decoder = Decoder(message)
                decoder.read_var_uint()
                self.raw.append(json.loads(decoder.read_var_string()))

    async def send(self, message):
        """Send a message."""
        await self.connection.write_message(message, binary=True)

    async def write(self, text):
        """Write a text, as a front end does."""

        def add():
            self.text += text

        await self.change(add)

    async def change(self, how):
        """Change the document, as a front end does."""
        updates = []
        subscription = self.doc.observe(lambda event: updates.append(event.update))
        how()
        self.doc.unobserve(subscription)
        for update in updates:
            await self.send(create_update_message(update))

    async def save(self, number=7):
        """Ask to save, and give the answer."""
        encoder = Encoder()
        encoder.write_var_uint(2)
        encoder.write_var_string("save")
        encoder.write_var_uint(number)
        await self.send(encoder.to_bytes())
        await self.until(lambda: self.raw)
        return self.raw.pop()

    async def until(self, condition):
        """Wait for something to be so."""

        async def wait():
            while not condition():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

        await asyncio.wait_for(wait(), SECONDS)

    async def close(self):
        """Leave."""
        self.connection.close()
        await self.reading


@pytest.mark.parametrize("first", ["ann", "rita"])
async def test_readers_change_nothing(be, first, caplog):
    """They see every change live, and theirs go nowhere, whoever was there first."""
    names = ["ann", "rita"] if first == "ann" else ["rita", "ann"]
    peers = {name: await Peer.join(be, name) for name in names}
    ann, rita = peers["ann"], peers["rita"]
    assert str(ann.text) == str(rita.text) == "begun"
    await ann.write(" by ann")
    await rita.until(lambda: str(rita.text) == "begun by ann")
    await rita.write(" and rita")
    # As a whole state, too, the way a front end answers when it connects again.
    await rita.send(bytes([0, 1]) + create_update_message(rita.doc.get_update())[2:])
    await rita.send(b"\x80\x00" + create_update_message(rita.doc.get_update())[1:])
    await ann.write("!")
    await rita.until(lambda: "!" in str(rita.text))
    assert "rita" not in str(ann.text)
    assert caplog.text.count("'rita' may not change a.txt") == 1
    assert (await rita.save())["status"] == "skipped"
    assert (await ann.save())["status"] in {"success", "skipped"}
    await ann.until(lambda: (be.root / "a.txt").read_text() == "begun by ann!")
    late = await Peer.join(be, "ann")
    assert str(late.text) == "begun by ann!"


async def test_a_reader_has_nothing_saved(be, caplog):
    """What a room held, in which nobody wrote, does not replace what was written in another."""
    path = be.root / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), str(path))
    roles = [
        allowing("*", users=["ann"], name="writers"),
        allowing("read:contents,collaboration", users=["rita"], name="rita"),
    ]
    be.guard.enforce(Policy(read_roles(roles, Grammar(TYPES))))
    ann = await Peer.join(be, "ann", "a.ipynb")
    rita = await Peer.join(be, "rita", "a.ipynb", as_text=True)
    await ann.change(lambda: ann.cells.append(_cell("2 by ann", trusted=False)))
    await ann.until(lambda: "2 by ann" in path.read_text())
    assert "by ann" not in str(rita.text)
    assert await be("ann").status("PATCH", "api/contents/a.ipynb", {"path": "b.ipynb"}) == 200
    room = await _room(be, rita.room)
    await rita.until(lambda: room._document.path == "b.ipynb")
    await asyncio.sleep(0.5)
    assert "2 by ann" in (be.root / "b.ipynb").read_text()
    assert f"Saving the content from room {rita.room}" not in caplog.text


async def test_who_may_write_now_is_asked_for_all_they_have(be):
    """What a reader typed stays with them; once they may write it is theirs to send."""
    ann, rita = await Peer.join(be, "ann"), await Peer.join(be, "rita")
    await rita.write(" one")
    be.guard.enforce(policy(allowing("*")))
    await ann.until(lambda: str(ann.text) == "begun one")
    await rita.write(" two")
    await ann.until(lambda: str(ann.text) == "begun one two")


@pytest.mark.parametrize("said", [{}, {"autosave": False}, {"autosave": True}])
async def test_readers_have_no_say_in_saving(be, said):
    """Neither by being there, nor in the place of a writer; these say whether it is saved."""
    ann, rita = await Peer.join(be, "ann"), await Peer.join(be, "rita")
    room = await _room(be, ann.room)
    await rita.send(presence({rita.doc.client_id: said, ann.doc.client_id: said}))
    await rita.until(lambda: len(room.awareness.states) >= 2)
    await ann.write("!")
    await ann.until(lambda: (be.root / "a.txt").read_text() == "begun!")
    many = {number: {"autosave": True} for number in range(1, 110)}
    await rita.send(presence(many))
    await ann.send(presence({ann.doc.client_id: {"autosave": False}}, clock=2))
    await ann.until(lambda: room.awareness.states[ann.doc.client_id] == {"autosave": False})
    await ann.write("?")
    await asyncio.sleep(0.5)
    assert (be.root / "a.txt").read_text() == "begun!"
    assert (await ann.save())["status"] == "success"


async def test_what_is_no_message_ends_nothing(be):
    """It is dropped."""
    rita = await Peer.join(be, "rita")
    for data in (b"\x02\xff", b"\x02\x04save", b"\x01", b"\x01\xff", b"\x02"):
        await rita.send(data)
    assert (await rita.save())["status"] == "skipped"


def presence(told, clock=1):
    """Give a message that says of clients who they are."""
    encoder = Encoder()
    encoder.write_var_uint(len(told))
    for client, state in told.items():
        encoder.write_var_uint(client)
        encoder.write_var_uint(clock)
        encoder.write_var_string(json.dumps(state))
    return create_awareness_message(encoder.to_bytes())


LONG = b"\xff" * 99_000 + b"\1"
FEW_BYTES = {
    "a client with a long number": create_awareness_message(b"\1" + LONG + b"\1\2{}"),
    "a clock with a long number": create_awareness_message(b"\1\5" + LONG + b"\2{}"),
    "many, by a long number": create_awareness_message(LONG),
    "presence of a long length": b"\1" + LONG,
    "save with a long number": b"\2\4save" + LONG * 6,
    "raw of a long length": b"\2" + LONG * 6,
    "a message of a long kind": b"\xff" * 600_000 + b"\1",
    "a question of a long length": b"\0\0" + LONG * 6,
    "an update of a long length": b"\0\2" + LONG * 6,
    "a question that claims": bytes.fromhex("000076d2eae8eae292814ce297ea6104fecc30"),
    "a question that claims, too": bytes.fromhex("00000816cc8cdc51c904a0d82b"),
    "a question that is none": b"\0\0",
    "nothing": b"",
    "nothing of a kind": b"\0",
    "many documents": presence({5: {"documents": [f"d/{n:x}" for n in range(11_000)]}}),
    "deep documents": presence({5: {"documents": [f"{'d/' * 16}{n:x}" for n in range(2_600)]}}),
    "many clients": presence({n: {"user": {}} for n in range(1_000, 7_500)}),
}


@pytest.mark.parametrize("name", ["rita", "wes"])
async def test_few_bytes_do_not_stop_the_server(be, name):
    """Whoever sends them, into a room in which there are others."""
    where = "api/collaboration/room/JupyterLab:globalAwareness"
    others = [await be("ann").connect(where) for _ in range(10)]
    for what, message in FEW_BYTES.items():
        somebody = await be(name).connect(where)
        peer = await Peer.join(be, name)
        for connection in (somebody, peer.connection):
            await connection.write_message(message, binary=True)
        await asyncio.sleep(0.01)
        began = time.monotonic()
        assert await be("ann").status("GET", "api/status") == 200
        assert time.monotonic() - began < 0.5, what
        somebody.close()
    for connection in others:
        connection.close()
    ann = await Peer.join(be, "ann")
    await ann.write("!")
    await ann.until(lambda: (be.root / "a.txt").read_text() == "begun!")


async def test_presence_that_no_browser_reads(be):
    """It would end the connection of everybody in the room."""
    ann, rita = await Peer.join(be, "ann"), await Peer.join(be, "rita")
    for number, state in enumerate((float("nan"), float("-inf"), "x" * 100_000, "fine")):
        await rita.send(presence({rita.doc.client_id: {"cursor": state}}, clock=number + 1))
    await ann.until(lambda: any(b"fine" in message for message in ann.present))
    for number in (2**53, 2**60, 2**70):
        await rita.send(presence({number: {"cursor": "far"}}))
        await rita.send(presence({rita.doc.client_id: {"cursor": "far"}}, clock=number))
    await rita.send(presence({2**53 - 1: {"cursor": "near"}}))
    await ann.until(lambda: any(b"near" in message for message in ann.present))
    told = b"".join(ann.present)
    assert b"far" not in told
    assert b"NaN" not in told
    assert b"Infinity" not in told
    assert b"xxx" not in told


async def test_presence_works(be):
    """Of readers and writers."""
    ann, rita = await Peer.join(be, "ann"), await Peer.join(be, "rita")
    awareness = Awareness(rita.doc)
    awareness.set_local_state({"user": {"name": "rita"}})
    update = awareness.encode_awareness_update([rita.doc.client_id])
    await rita.send(create_awareness_message(update))
    await ann.until(lambda: any(b"rita" in message for message in ann.present))


async def test_nobody_is_there_for_another(be):
    """Neither by the number of another's client, nor by name; and nothing that cannot be."""
    ann, rita = await Peer.join(be, "ann"), await Peer.join(be, "rita")
    await ann.send(presence({ann.doc.client_id: {"user": {"name": "ann", "color": "red"}}}))
    await rita.until(lambda: states(rita).get(ann.doc.client_id))
    room = await _room(be, ann.room)
    for state in ({"user": {"name": "ann"}, "autosave": False}, None, [1, 2], "x", {"user": 5}):
        await rita.send(presence({ann.doc.client_id: state}, clock=9))
    for state in ([1, 2], "x", {"user": 5}):
        await rita.send(presence({rita.doc.client_id: state}))
    await rita.send(bytes([1, 5]))
    await rita.send(create_awareness_message(b"\x01\x02\x03\x01{"))
    said = {
        "user": {"name": "ann", "initials": "A", "avatar_url": "a.png"},
        "autosave": False,
        "cursors": [],
    }
    await rita.send(presence({rita.doc.client_id: said}, clock=2))
    await ann.until(lambda: states(ann).get(rita.doc.client_id))
    person = {"username": "rita", "name": "rita", "display_name": "rita"}
    person |= {"initials": "R", "avatar_url": None}
    true = {"user": person, "cursors": [], "autosave": False}
    assert states(ann)[rita.doc.client_id] == true
    assert (
        room.awareness.states[ann.doc.client_id]["user"].items()
        >= {
            "name": "ann",
            "initials": "A",
            "color": "red",
        }.items()
    )
    await ann.write("!")
    await ann.until(lambda: (be.root / "a.txt").read_text() == "begun!")


def _rooms(be):
    app = next(iter(be.app.extension_manager.extension_apps["jupyter_server_ydoc"]))
    return app.ywebsocket_server.rooms


async def _room(be, name):
    return _rooms(be)[name]


def states(peer):
    """Give what somebody was told of who is there."""
    seen = Awareness(Doc())
    for message in peer.present:
        seen.apply_awareness_update(read_message(message[1:]), "test")
    return seen.states


async def test_presence_names_what_may_be_read(be):
    """Who is there is told to all, what they have open to those who may read it."""
    where = "api/collaboration/room/JupyterLab:globalAwareness"
    ann, rita = [Peer(await be(name).connect(where)) for name in ("ann", "rita")]
    be.peers += [ann, rita]
    awareness = Awareness(ann.doc)
    told = {
        "user": {"name": "ann"},
        "current": "editor:RTC:secret.md",
        "documents": ["editor:RTC:secret.md", "editor:RTC:a.txt", "editor:secret.md", "a.txt", 1],
    }
    for current in ("editor:RTC:secret.md", "editor:RTC:a.txt"):
        awareness.set_local_state({**told, "current": current})
        update = awareness.encode_awareness_update([ann.doc.client_id])
        await ann.send(create_awareness_message(update))
    await rita.until(lambda: sum(b"editor:RTC:a.txt" in message for message in rita.present) == 2)
    states = []
    for message in rita.present:
        seen = Awareness(Doc())
        seen.apply_awareness_update(read_message(message[1:]), "test")
        states += [s for s in seen.states.values() if s and s.get("user", {}).get("name") == "ann"]
    assert [state["current"] for state in states] == [None, "editor:RTC:a.txt"]
    assert {tuple(state["documents"]) for state in states} == {("editor:RTC:a.txt", "a.txt")}
    assert not any(b"secret" in message for message in rita.present)


async def test_who_may_not_read_makes_no_room(be):
    """The handshake is refused, and nothing is read from the disk."""
    asked = {"format": "text", "type": "file"}
    session = await be("ann").json("PUT", "api/collaboration/session/secret.md", asked)
    assert await be("rita").status("PUT", "api/collaboration/session/secret.md", asked) == 403
    with pytest.raises(HTTPClientError, match="403"):
        await be("rita").connect(f"api/collaboration/room/text:file:{session['fileId']}")
    servers = [
        rule.target_kwargs["ywebsocket_server"]
        for rule in _rules(be.web_app.default_router)
        if "ywebsocket_server" in (rule.target_kwargs or {})
    ]
    for room in (f"::{session['fileId']}", f"text::{session['fileId']}", ":file:"):
        with pytest.raises(HTTPClientError, match="400"):
            await be("ann").connect(f"api/collaboration/room/{room}")
    assert not any("text:file" in name for server in servers for name in server.rooms)


def _rules(router):
    for rule in router.rules:
        yield from _rules(rule.target) if hasattr(rule.target, "rules") else [rule]


async def test_forks_undo_and_timeline_write(be):
    """Readers are refused all of them."""
    ann = await Peer.join(be, "ann")
    rita = be("rita")
    for method, path in (
        ("PUT", f"api/collaboration/fork/{ann.room}"),
        ("DELETE", f"api/collaboration/fork/{ann.room}?merge=true"),
        ("PUT", f"api/collaboration/undo_redo/{ann.room}?action=undo&steps=1&forkRoom=x"),
        ("GET", "api/collaboration/timeline/a.txt?format=text&type=file"),
    ):
        assert await rita.status(method, path, "{}" if method == "PUT" else None) == 403, path
    fork = await be("ann").json("PUT", f"api/collaboration/fork/{ann.room}", {})
    assert await rita.status("GET", f"api/collaboration/fork/{ann.room}") == 200
    inside = Peer(await be("rita").connect(f"api/collaboration/room/{fork['fork_roomid']}"))
    be.peers.append(inside)
    await inside.send(create_sync_message(inside.doc))
    await inside.until(lambda: str(inside.text) == "begun")
    assert await rita.status("DELETE", f"api/collaboration/fork/{fork['fork_roomid']}") == 403


async def test_going_back(be):
    """Whoever may write a document goes back in it, and in no other."""
    roles = [
        allowing("read,write:contents!path=*.txt", "read:collaboration", users=["tom"], name="tom"),
        allowing("*", users=["ann"], name="ann"),
    ]
    be.guard.enforce(Policy(read_roles(roles, Grammar(TYPES))))
    forks, rooms = {}, {}
    for name, path in (("tom", "a.txt"), ("ann", "secret.md")):
        peer = await Peer.join(be, name, path)
        rooms[name] = peer.room
        await peer.write("!")
        await asyncio.sleep(0.3)
        where = f"api/collaboration/timeline/{path}?format=text&type=file"
        made = await be(name).json("GET", where)
        forks[name], session = made["forkRoom"], made["sessionId"]
    connection = await be("tom").connect(
        f"api/collaboration/room/{forks['tom']}?sessionId={session}"
    )
    be.peers.append(Peer(connection))
    with pytest.raises(HTTPClientError, match="403"):
        await be("tom").connect(f"api/collaboration/room/{forks['ann']}?sessionId={session}")
    for room, fork, status in (("tom", "tom", 200), ("tom", "ann", 403), ("ann", "tom", 403)):
        where = f"api/collaboration/undo_redo/{rooms[room]}?action=restore&steps=1&forkRoom="
        assert await be("tom").status("PUT", f"{where}{forks[fork]}", "{}") == status
        other = f"{where}{forks['ann']}&forkRoom={forks['tom']}"
        assert await be("tom").status("PUT", other, "{}") == 403


async def test_a_link_is_asked_by_where_it_leads(be):
    """Who may write the link and not what is behind it reads."""
    (be.root / "b.txt").write_text("behind")
    (be.root / "link.txt").symlink_to("b.txt")
    be.guard.enforce(
        policy(allowing("read", "write:contents!path=link.txt", deny=["write:contents!path=b.txt"]))
    )
    rita = await Peer.join(be, "rita", "link.txt")
    await rita.write(" changed")
    assert (await rita.save())["status"] == "skipped"
    assert (be.root / "b.txt").read_text() == "behind"


async def test_a_document_that_is_moved(be):
    """Out of reach, it is closed to those who have it open."""
    ann, rita = await Peer.join(be, "ann"), await Peer.join(be, "rita")
    moved = {"path": "secret.md"}
    (be.root / "secret.md").unlink()
    assert await be("ann").status("PATCH", "api/contents/a.txt", moved) == 200
    await asyncio.wait_for(rita.reading, SECONDS)
    assert rita.connection.close_code == 1008
    assert not ann.reading.done()


async def test_who_may_no_longer_write_reads_on(be):
    """Rights that change count at once."""
    ann = await Peer.join(be, "ann")
    await ann.write(" one")
    await ann.until(lambda: (be.root / "a.txt").read_text() == "begun one")
    be.guard.enforce(policy(allowing("read")))
    await asyncio.sleep(0.2)
    await ann.write(" two")
    assert (await ann.save())["status"] == "skipped"
    be.guard.enforce(policy(allowing("*", users=["root"])))
    await ann.reading
    assert ann.connection.close_code == 1008
    assert (be.root / "a.txt").read_text() == "begun one"


def _cell(source, *, trusted):
    output = {"output_type": "display_data", "data": {"text/html": "<b>x</b>"}, "metadata": {}}
    return Map(
        {
            "id": source,
            "cell_type": "code",
            "source": Text(source),
            "metadata": Map({"trusted": trusted}),
            "outputs": Array([Map(output)]),
            "execution_count": None,
        }
    )


@pytest.mark.parametrize("value", [True, "yes", 1.0, {"a": 1}])
async def test_nobody_trusts_for_another(be, value):
    """What one writes about trust in a shared document is never there for another."""
    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_markdown_cell("2")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), str(be.root / "n.ipynb"))
    # Who has trusted it for themselves has done so for themselves.
    assert await be("wes").status("POST", "api/contents/n.ipynb/trust") == 201
    wes, ann = [await Peer.join(be, name, "n.ipynb") for name in ("wes", "ann")]
    seen = []
    ann.cells.observe_deep(lambda _: seen.extend(_trust(ann)))

    await wes.change(lambda: wes.cells.append(_cell("3", trusted=value)))
    await ann.until(lambda: len(ann.cells) == 3)
    await wes.change(lambda: wes.cells[0]["metadata"].update({"trusted": value}))
    # A whole state, the way a front end answers when it connects again.
    await wes.change(lambda: wes.cells.append(_cell("4", trusted=value)))
    await wes.send(bytes([0, 1]) + create_update_message(wes.doc.get_update())[2:])
    await ann.until(lambda: len(ann.cells) == 4)
    late = await Peer.join(be, "ann", "n.ipynb")
    assert _trust(ann) == _trust(late) == [False, None, False, False]
    assert set(seen) <= {False, None}
    # And what is saved is not trusted when the room is made anew.
    assert (await wes.save())["status"] in {"success", "skipped"}
    assert [await _trusted(be(name)) for name in ("ann", "wes")] == [False, False]


async def test_trust_in_what_is_no_map(be):
    """However metadata is written, nobody gets any that says of trust."""
    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_code_cell("2")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), str(be.root / "n.ipynb"))
    wes, ann = [await Peer.join(be, name, "n.ipynb") for name in ("wes", "ann")]
    await wes.change(lambda: wes.cells[0].update({"metadata": {"trusted": True, "kept": 1}}))
    await wes.change(lambda: wes.cells[1].update({"metadata": XmlFragment()}))
    plain = {"cell_type": "code", "source": "3", "id": "x", "metadata": {"trusted": True}}
    await wes.change(lambda: wes.cells.append(plain))
    await ann.until(lambda: len(ann.cells) == 3)
    await ann.until(lambda: isinstance(ann.cells[1]["metadata"], Map))
    late = await Peer.join(be, "ann", "n.ipynb")
    for peer in (ann, late):
        assert dict(peer.cells[0]["metadata"].to_py()) == {"trusted": False, "kept": 1}
        assert dict(peer.cells[1]["metadata"].to_py()) == {"trusted": False}
        assert peer.cells[2]["metadata"]["trusted"] is False


async def test_an_empty_notebook_is_not_trusted(be):
    """Neither when its room is made, nor when its file becomes empty meanwhile."""
    path = be.root / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), str(path))
    ann = await Peer.join(be, "ann", "n.ipynb")
    assert _trust(ann) == [False]
    seen = []
    ann.cells.observe_deep(lambda _: seen.extend(_trust(ann)))
    full = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(str(n)) for n in range(3)])
    for notebook, length in ((full, 3), (nbformat.v4.new_notebook(), 1)):
        model = {"type": "notebook", "content": notebook}
        assert await be("wes").status("PUT", "api/contents/n.ipynb", model) == 200
        await ann.until(lambda length=length: len(ann.cells) == length)
    assert set(seen) == {False}


async def test_what_the_server_signed_is_not_trusted_in_a_room(be):
    """As rooms are saved by nobody, everybody's room would be trusted, else."""
    path = be.root / "n.ipynb"
    notary = be.app.contents_manager.notary
    for source in "ab":
        cells = [nbformat.v4.new_code_cell(source, id="one")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), str(path))
        notary.sign(nbformat.read(str(path), 4))
        if source == "a":
            ann = await Peer.join(be, "ann", "n.ipynb")
    await ann.until(lambda: str(ann.cells[0]["source"]) == "b")
    assert _trust(ann) == [False]


@pytest.mark.parametrize("put", ["set", "aset"])
async def test_what_the_server_changes_in_place_is_not_trusted(put):
    """As when a file has changed on the disk, and its cells are those that were there."""
    document = YNotebook()
    room = SimpleNamespace(ydoc=document.ydoc, _document=document)
    keep_trust_out(room)
    cells = [nbformat.v4.new_code_cell("1", id="a"), nbformat.v4.new_code_cell("2", id="b")]
    document.source = nbformat.v4.new_notebook(cells=cells)
    for cell in cells:
        cell["metadata"] = {"trusted": True}
    await ensure_async(getattr(document, put)(nbformat.v4.new_notebook(cells=cells)))
    assert [cell["metadata"]["trusted"] for cell in document.source["cells"]] == [False, False]


def test_typing_has_no_cell_looked_at(monkeypatch):
    """A notebook may have a thousand, and each key of each person is a change."""
    document = YNotebook()
    document.source = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    keep_trust_out(SimpleNamespace(ydoc=document.ydoc, _document=document))
    peer, updates, looked = YNotebook(), [], []
    peer.ydoc.apply_update(document.ydoc.get_update())
    peer.ydoc.observe(lambda event: updates.append(event.update))
    look = trust._is_trusted
    monkeypatch.setattr(trust, "_is_trusted", lambda cell: looked.append(cell) or look(cell))
    peer.ycells[0]["source"] += "2"
    document.ydoc.apply_update(updates.pop())
    assert looked == []
    peer.ycells[0]["metadata"]["trusted"] = True
    document.ydoc.apply_update(updates.pop())
    assert looked
    assert [cell["metadata"]["trusted"] for cell in document.source["cells"]] == [False]


def _trust(peer):
    return [cell["metadata"].to_py().get("trusted") for cell in peer.cells]


async def _trusted(someone):
    model = await someone.json("GET", "api/contents/n.ipynb")
    return model["content"]["cells"][0]["metadata"]["trusted"]
