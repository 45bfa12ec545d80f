"""Front ends of kernels for tests: websockets in both of Jupyter's protocols."""

from __future__ import annotations

import asyncio
import json
import uuid

from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)

PROTOCOL_1 = "v1.kernel.websocket.jupyter.org"
PROTOCOLS = [None, PROTOCOL_1]
TIMEOUT = 30


class FrontEnd:
    """A websocket to a kernel."""

    def __init__(self, connection, protocol):
        self.connection = connection
        self.protocol = protocol
        self.seen = []
        self.is_closed = False

    @classmethod
    async def open(cls, someone, kernel, protocol=None, session=None):
        """Connect somebody to a kernel."""
        session = session or uuid.uuid4().hex
        connection = await someone.connect(
            f"api/kernels/{kernel}/channels?session_id={session}",
            subprotocols=[protocol] if protocol else None,
        )
        assert connection.selected_subprotocol == protocol
        return cls(connection, protocol)

    async def send(self, kind, content=None, channel="shell", **more):
        """Send a message; give the id."""
        if kind == "execute_request":
            # Older kernels do not answer without it.
            content = {"silent": False, **(content or {})}
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "username": "",
            "session": "",
            "date": "2026-01-01T00:00:00Z",
            "version": "5.3",
        }
        parts = {
            "header": {**header, **more.pop("header", {})},
            "parent_header": more.pop("parent_header", {}),
            "metadata": more.pop("metadata", {}),
            "content": content or {},
        }
        if self.protocol:
            raw = [json.dumps(part).encode() for part in parts.values()]
            data = serialize_msg_to_ws_v1([*raw, *more.pop("buffers", [])], channel)
            await self.connection.write_message(data, binary=True)
        else:
            buffers = more.pop("buffers", [])
            model = {**parts, "channel": channel, "buffers": buffers}
            data = serialize_binary_message(model) if buffers else json.dumps(model)
            await self.connection.write_message(data, binary=bool(buffers))
        return header["msg_id"]

    async def read(self):
        """Read the next message; None where the websocket is closed."""
        data = await asyncio.wait_for(self.connection.read_message(), TIMEOUT)
        if data is None:
            self.is_closed = True
            return None
        if self.protocol:
            channel, parts = deserialize_msg_from_ws_v1(data)
            names = ("header", "parent_header", "metadata", "content")
            message = dict(zip(names, map(json.loads, parts[:4]), strict=True))
        elif isinstance(data, bytes):
            message = deserialize_binary_message(data)
            channel = message["channel"]
        else:
            message = json.loads(data)
            channel = message["channel"]
        message["channel"] = channel
        message["kind"] = message["header"]["msg_type"]
        self.seen.append(message)
        return message

    async def until(self, kind, parent=None, **content):
        """Read on to a message of a kind."""
        while True:
            message = await self.read()
            assert message is not None, f"closed before {kind}"
            if message["kind"] != kind or (
                parent and message["parent_header"].get("msg_id") != parent
            ):
                continue
            if content.items() <= message["content"].items():
                return message

    async def ask(self, kind, content=None, channel="shell", **more):
        """Send a request and give its reply, once the kernel is idle again."""
        sent = await self.send(kind, content, channel, **more)
        wanted = {kind.replace("_request", "_reply"), "idle"}
        reply = None
        while wanted:
            message = await self.read()
            assert message is not None, f"closed before the reply to {kind}"
            if message["parent_header"].get("msg_id") == sent:
                is_status = message["kind"] == "status"
                wanted -= {message["content"]["execution_state"] if is_status else message["kind"]}
                reply = reply if is_status or message["channel"] == "iopub" else message
        return reply["content"]

    async def run(self, code, **content):
        """Run code and give the reply."""
        default = {"code": code, "allow_stdin": True, "user_expressions": {}}
        return await self.ask("execute_request", {**default, **content})

    async def text(self, expression):
        """Evaluate an expression and give its value as text."""
        reply = await self.ask(
            "execute_request", {"code": "", "user_expressions": {"it": expression}}
        )
        return reply["user_expressions"]["it"]["data"]["text/plain"]

    def close(self):
        """Close the websocket."""
        self.connection.close()


class FrontEnds:
    """Front ends of one kernel, which are closed, and the kernel shut down, in the end."""

    def __init__(self, be, kernel):
        self.be = be
        self.kernel = kernel
        self._open = []

    async def __call__(self, name, protocol=None, **kwargs):
        """Connect somebody."""
        end = await FrontEnd.open(self.be(name), self.kernel, protocol, **kwargs)
        self._open.append(end)
        return end

    async def close(self):
        """Close everything; sockets to kernels must be gone before the kernel manager is."""
        for end in self._open:
            end.close()
            while not end.is_closed:
                # The server closes it, too.
                await end.read()
        await asyncio.sleep(0.1)
        await self.be.app.kernel_manager.shutdown_all(now=True)
        await asyncio.sleep(0.3)
