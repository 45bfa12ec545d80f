"""An application behind the proxy: tells what it receives, over HTTP and websockets."""

from __future__ import annotations

import asyncio
import json
import sys

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


def _received(request):
    return {
        "uri": request.uri,
        "headers": {name.lower(): value for name, value in request.headers.get_all()},
        "body": (request.body or b"").decode(),
    }


class _Tell(RequestHandler):
    async def _tell(self, *_):
        if self.request.path.endswith("/slowly"):
            await asyncio.sleep(20)
        self.set_cookie("app", "its-own")
        self.write(_received(self.request))

    get = post = put = patch = delete = _tell


class _Socket(WebSocketHandler):
    def check_origin(self, origin):
        return True

    def open(self, *_):
        self.write_message(json.dumps(_received(self.request)))

    def on_message(self, message):
        self.write_message(message)


async def _main(port):
    Application([(r".*/ws", _Socket), (r"/.*", _Tell)]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
