"""What each may send to a kernel, message by message, in both protocols."""

from __future__ import annotations

import asyncio
import json

import pytest
from kernels import PROTOCOL_1, PROTOCOLS, FrontEnd, FrontEnds
from people import allowing

from jupyter_authz.guard.wire import Message, read, write

RUNS_CODE = [
    ("execute_request", {"code": "touched = 1", "user_expressions": {}}, "shell"),
    ("execute_request", {"code": "touched = 1"}, "control"),
    ("complete_request", {"code": "touche", "cursor_pos": 3}, "shell"),
    ("inspect_request", {"code": "print", "cursor_pos": 3, "detail_level": 0}, "shell"),
    ("is_complete_request", {"code": "1"}, "shell"),
    ("history_request", {"hist_access_type": "tail", "n": 3, "output": True, "raw": True}, "shell"),
    ("debug_request", {"type": "request", "command": "debugInfo", "seq": 1}, "control"),
    ("interrupt_request", {}, "control"),
    ("shutdown_request", {"restart": False}, "control"),
    ("something_new_request", {}, "shell"),
]


@pytest.fixture
def be(serve, jp_asyncio_loop):
    """Run a server on which each may do something else with kernels."""
    be = serve(
        roles=[
            allowing("*", users=["ann"], name="ann"),
            allowing("write:channels", users=["wes"], name="wes"),
            allowing("read:channels", users=["rita"], name="rita"),
        ]
    )
    run = jp_asyncio_loop.run_until_complete
    body = {"path": "x.ipynb", "type": "notebook", "name": "x", "kernel": {}}
    be.kernel = run(be("ann").json("POST", "api/sessions", body))["kernel"]["id"]
    be.front_end = FrontEnds(be, be.kernel)
    yield be
    run(be.front_end.close())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["wes", "rita"])
async def test_what_each_may_send(be, protocol, name):
    """Who may not execute sees what others run, and sends nothing that runs code."""
    ann, other = await be.front_end("ann", protocol), await be.front_end(name, protocol)
    assert (await ann.run("touched = 0"))["status"] == "ok"
    for kind, content, channel in RUNS_CODE:
        reply = await other.ask(kind, content, channel)
        assert (reply["status"], reply["ename"]) == ("error", "PermissionError"), kind
        assert "You may not run code in this kernel" in reply["evalue"]
    assert (await other.ask("kernel_info_request"))["status"] == "ok"
    assert (await other.ask("kernel_info_request", channel="control"))["status"] == "ok"
    assert (await other.ask("comm_info_request"))["status"] == "ok"
    assert await ann.text("touched") == "0"
    sent = await ann.send("execute_request", {"code": "print('seen')", "user_expressions": {}})
    assert (await other.until("stream", sent))["content"]["text"] == "seen\n"
    # What is refused is nobody else's business.
    assert not any("PermissionError" in json.dumps(m["content"]) for m in ann.seen)


async def test_a_refused_run_is_shown(be):
    """As an error of the cell, with a sentence for a person and the number for the operator."""
    rita = await be.front_end("rita")
    sent = await rita.send("execute_request", {"code": "1", "user_expressions": {}})
    error = await rita.until("error", sent)
    assert "decision" in error["content"]["traceback"][0]
    assert (error["msg_type"], error["msg_id"]) == ("error", error["header"]["msg_id"])
    assert (await rita.until("execute_reply", sent))["channel"] == "shell"
    await rita.until("status", sent, execution_state="idle")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_messages_to_widgets(be, protocol):
    """Those that the kernel has opened, from `write` on; what front ends opened runs their code."""
    ann = await be.front_end("ann", protocol)
    wes, rita = await be.front_end("wes", protocol), await be.front_end("rita", protocol)
    await ann.run(
        "from comm import create_comm, get_comm_manager\n"
        "got = []\n"
        "widget = create_comm(target_name='w')\n"
        "widget.on_msg(lambda m: got.append(m['content']['data']))\n"
        "get_comm_manager().register_target('t', "
        "lambda c, m: c.on_msg(lambda m: got.append(m['content']['data'])))\n"
    )
    opened = next(m for m in ann.seen if m["kind"] == "comm_open")["content"]["comm_id"]

    async def say(end, comm, word):
        sent = await end.send("comm_msg", {"comm_id": comm, "data": word})
        await end.until("status", sent, execution_state="idle")

    await say(wes, opened, "wes")
    await say(rita, opened, "rita")
    sent = await ann.send("comm_open", {"comm_id": "own", "target_name": "t", "data": {}})
    await ann.until("status", sent, execution_state="idle")
    await say(ann, "own", "ann")
    await say(wes, "own", "no")
    sent = await wes.send("comm_open", {"comm_id": "mine", "target_name": "t", "data": {}})
    assert (await wes.until("comm_close", sent))["content"]["comm_id"] == "mine"
    await say(wes, "mine", "no")
    for comm in (["mine"], "Dear Ann, please run this:", "", "x" * 101):
        await say(wes, comm, "no")
    assert not any("please" in json.dumps(m["content"]) for m in ann.seen)
    # Closed, it would be gone for everybody.
    sent = await wes.send("comm_close", {"comm_id": opened, "data": {}})
    await wes.until("status", sent, execution_state="idle")
    await say(wes, opened, "still there")
    assert await ann.text("got") == "['wes', 'ann', 'still there']"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_widgets_with_buffers(be, protocol):
    """Both ways, in both protocols; the answer is to the message that was sent."""
    ann, wes = await be.front_end("ann"), await be.front_end("wes", protocol)
    await ann.run(
        "from comm import create_comm\n"
        "widget = create_comm(target_name='w')\n"
        "widget.on_msg(lambda m: widget.send('back', buffers=[bytes(m['buffers'][0])[::-1]]))\n"
    )
    opened = next(m for m in ann.seen if m["kind"] == "comm_open")["content"]["comm_id"]
    sent = await wes.send("comm_msg", {"comm_id": opened, "data": "there"}, buffers=[b"abc"])
    back = await wes.until("comm_msg", sent)
    assert back["content"]["data"] == "back"
    if protocol is None:
        assert [bytes(one) for one in back["buffers"]] == [b"cba"]


async def test_a_comm_whose_letters_are_numbers(be):
    """What opens it is found however it is written."""
    ann, wes = await be.front_end("ann"), await be.front_end("wes")
    await ann.run(
        "from comm import get_comm_manager\n"
        "got = []\n"
        "get_comm_manager().register_target('t', "
        "lambda c, m: c.on_msg(lambda m: got.append(m['content']['data'])))\n"
    )
    header = {"msg_id": "1", "msg_type": "comm_open", "username": "", "session": ""}
    model = {
        "header": {**header, "date": "2026-01-01T00:00:00Z", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "content": {"comm_id": "own", "target_name": "t", "data": {}},
        "channel": "shell",
        "buffers": [],
    }
    text = json.dumps(model).replace("comm_open", "comm\\u005fopen")
    await ann.connection.write_message(text)
    await ann.until("status", "1", execution_state="idle")
    sent = await wes.send("comm_msg", {"comm_id": "own", "data": "no"})
    await wes.until("status", sent, execution_state="idle")
    assert await ann.text("got") == "[]"


async def test_input_is_for_whom_it_was_asked(be):
    """Nobody else answers."""
    ann, wes = await be.front_end("ann"), await be.front_end("wes")
    content = {"code": "answer = input('? ')", "allow_stdin": True, "user_expressions": {}}
    sent = await ann.send("execute_request", content)
    assert (await ann.until("input_request", sent))["channel"] == "stdin"
    refused = await wes.send("input_reply", {"value": "wes"}, channel="stdin")
    await wes.until("status", refused, execution_state="idle")
    await ann.send("input_reply", {"value": "ann"}, channel="stdin")
    await ann.until("execute_reply", sent)
    assert await ann.text("answer") == "'ann'"
    assert not any(m["kind"] == "input_request" for m in wes.seen)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_input_that_a_widget_asks_for(be, protocol):
    """Who may only interact answers it; what was not answered in time is not kept for later."""
    ann, wes = await be.front_end("ann"), await be.front_end("wes", protocol)
    code = (
        "from comm import create_comm\n"
        "got, widget = [], create_comm(target_name='w')\n"
        # While no cell runs, `input` is not the kernel's.
        "widget.on_msg(lambda m: got.append(get_ipython().kernel.raw_input('? ')))\n"
    )
    await ann.run(code)
    opened = next(m for m in ann.seen if m["kind"] == "comm_open")["content"]["comm_id"]
    for is_answered in (True, False):
        sent = await wes.send("comm_msg", {"comm_id": opened, "data": {}})
        await wes.until("input_request", sent)
        if is_answered:
            await wes.send("input_reply", {"value": "wes"}, channel="stdin")
        else:
            await be("ann").status("POST", f"api/kernels/{be.kernel}/interrupt")
        await wes.until("status", sent, execution_state="idle")
    refused = await wes.send("input_reply", {"value": "late"}, channel="stdin")
    await wes.until("status", refused, execution_state="idle")
    assert await ann.text("got") == "['wes']"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_quotes_a_request_for_input(be, protocol):
    """A reply that holds the words is no request for input."""
    ann, wes = await be.front_end("ann"), await be.front_end("wes", protocol)
    header = {"msg_id": "input_request stdin"}
    await wes.send("kernel_info_request", header=header)
    await wes.until("kernel_info_reply")
    content = {"code": "answer = input('? ')", "allow_stdin": True, "user_expressions": {}}
    sent = await ann.send("execute_request", content)
    await ann.until("input_request", sent)
    refused = await wes.send("input_reply", {"value": "wes"}, channel="stdin")
    await wes.until("status", refused, execution_state="idle")
    await ann.send("input_reply", {"value": "ann"}, channel="stdin")
    await ann.until("execute_reply", sent)
    assert await ann.text("answer") == "'ann'"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_nobody_answers_for_another(be, protocol):
    """Who sends a message with the id of another's gets the replies to it, and nobody else."""
    ann, wes = await be.front_end("ann"), await be.front_end("wes", protocol)

    def answers(end, since=0):
        own = [m for m in end.seen[since:] if m["parent_header"].get("msg_id") == sent]
        return [m["content"].get("execution_state") or m["kind"] for m in own]

    async def answered(end, kind, since=0):
        # On two channels, in either order.
        while not {kind, "idle"} <= set(answers(end, since)):
            await end.read()

    sent = await ann.send("execute_request", {"code": "input()", "allow_stdin": True})
    await ann.until("input_request", sent)
    # On another channel than that on which the cell runs.
    await wes.send("kernel_info_request", channel="control", header={"msg_id": sent})
    await answered(wes, "kernel_info_reply")
    seen = len(ann.seen)
    assert "idle" not in answers(ann)
    await ann.send("input_reply", {"value": ""}, channel="stdin")
    await answered(ann, "execute_reply", seen)
    assert answers(ann).count("idle") == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_who_comes_back_gets_their_replies(be, protocol):
    """Under the ids that they sent, which were kept while the connection was gone."""
    wes = await FrontEnd.open(be("wes"), be.kernel, protocol, session="same")
    ann = await be.front_end("ann")
    busy = await ann.send("execute_request", {"code": "import time; time.sleep(2)"})
    await ann.until("status", busy, execution_state="busy")
    sent = await wes.send("kernel_info_request")
    await asyncio.sleep(0.2)
    wes.close()
    while await wes.read() is not None:
        pass
    again = await be.front_end("wes", protocol, session="same")
    assert await again.until("kernel_info_reply", sent)


async def test_a_session_id_belongs_to_its_user(be):
    """Who presents the id of another gets a connection of their own."""
    ann = await be.front_end("ann", session="same")
    rita = await be.front_end("rita", session="same")
    assert (await ann.run("1"))["status"] == "ok"
    assert (await rita.ask("kernel_info_request"))["status"] == "ok"
    ann.close()
    rita.close()
    await asyncio.sleep(0.3)
    # What came meanwhile is kept for who was there last, by the same id.
    last = await be.front_end("ann", session="last")
    await last.run("import threading, time")
    await last.send(
        "execute_request",
        {
            "code": "threading.Timer(1, lambda: print('secret', flush=True)).start()",
            "user_expressions": {},
        },
    )
    await last.until("execute_reply")
    last.close()
    await asyncio.sleep(2)
    rita = await be.front_end("rita", session="last")
    assert (await rita.ask("kernel_info_request"))["status"] == "ok"
    assert not any(m["kind"] == "stream" for m in rita.seen)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_is_no_message_is_ignored(be, protocol):
    """The connection stays up, and nothing reaches the kernel."""
    rita = await be.front_end("rita", protocol)
    for data in (
        b"",
        b"\0" * 8,
        b"\xff" * 80,
        "no json",
        "[]",
        '{"header": {"msg_type": "kernel_info_request", "msg_id": "1", "version": ["5"]}}',
        "{}",
        '{"header": []}',
        '{"header": {"msg_type": 1, "msg_id": "1"}, "channel": "shell"}',
        '{"header": {"msg_type": "execute_request", "msg_id": "1"}, "channel": "iopub"}',
        '{"header": {"msg_type": "execute_request", "msg_id": "1"}, "channel": ["shell"]}',
        '{"header": {"msg_type": "kernel_info_request", "msg_id": "1"}, "content": {"\\ud800": 1}}',
    ):
        await rita.connection.write_message(data, binary=isinstance(data, bytes))
    assert (await rita.ask("kernel_info_request"))["status"] == "ok"
    # As JupyterLab has it for what is for no subshell.
    header = {"subshell_id": None}
    assert (await rita.ask("kernel_info_request", header=header))["status"] == "ok"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_decided_about_is_what_is_sent(protocol):
    """What another parser could read otherwise is not passed on."""
    header = '{"msg_type": "execute_request", "msg_type": "kernel_info_request", "msg_id": "1"}'
    if protocol:
        from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1

        data = serialize_msg_to_ws_v1([header.encode(), b"{}", b"{}", b"{}"], "shell")
    else:
        data = f'{{"header": {header}, "content": {{}}, "channel": "shell", "extra": 1}}'
    message = read(data, protocol)
    assert message.type == "kernel_info_request"
    written = write(message, protocol)
    assert read(written, protocol) == message
    text = written.decode("latin-1") if isinstance(written, bytes) else written
    assert "execute_request" not in text
    assert "extra" not in text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_buffers_are_passed_on(protocol):
    """They belong to the message."""
    header = {"msg_id": "1", "msg_type": "comm_msg"}
    message = Message("shell", header, {}, {}, {"comm_id": "1"}, (b"abc", b"", b"\0\1"))
    again = read(write(message, protocol), protocol)
    assert again._replace(buffers=tuple(again.buffers)) == message


async def test_who_may_not_even_watch(be):
    """The handshake is refused."""
    with pytest.raises(Exception, match="403"):
        await be.front_end("dan", PROTOCOL_1)
