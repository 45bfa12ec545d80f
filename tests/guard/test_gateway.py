"""Kernels on a gateway, another Jupyter server: who started what counts there as well."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest
from kernels import FrontEnd
from serving import Client, serving
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

ROLES = [
    {
        "name": "own",
        "users": ["ann", "bob"],
        "allow": [
            "read,write,execute:kernels,sessions,channels!owner={username}",
            "read:contents",
        ],
    },
    {"name": "watcher", "users": ["rita"], "allow": ["read:kernels,channels"]},
]


class Someone(Client):
    """Opens websockets, too."""

    async def connect(self, path, subprotocols=None):
        """Open one."""
        request = HTTPRequest(
            f"ws://127.0.0.1:{self.port}/{path}", headers={"Authorization": f"token {self.token}"}
        )
        return await websocket_connect(request, subprotocols=subprotocols)


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """Run a gateway, and a server with a policy whose kernels are there."""
    home = tmp_path_factory.mktemp("gateway")
    gateway, guarded = home / "gateway", home / "guarded"
    (guarded / "config").mkdir(parents=True)
    users = {
        name: {"hashed_tokens": ["sha256:" + sha256(f"{name}-token".encode()).hexdigest()]}
        for name in ("ann", "bob", "rita")
    }
    (guarded / "config" / "jupyter_server_config.py").write_text(
        'c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"\n'
        f"c.AccountsIdentityProvider.users = {users!r}\n"
        f"c.JupyterAuthz.roles = {ROLES!r}\n"
    )
    with serving(gateway, "--IdentityProvider.token=gateway") as there:
        arguments = (
            f"--gateway-url=http://127.0.0.1:{there}",
            "--GatewayClient.auth_token=gateway",
        )
        with serving(guarded, *arguments) as here:
            yield there, here


def test_kernels_belong_to_who_started_them(ports):
    """Another neither sees nor uses them; nor those that others started at the gateway."""
    there, here = ports
    gateway = Client(there, "gateway")
    ann, bob, rita = (Someone(here, f"{name}-token") for name in ("ann", "bob", "rita"))
    nobodys = gateway.request("POST", "api/kernels", {"name": "python3"}).json["id"]
    asked = {"path": "d.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    made = ann.request("POST", "api/sessions", asked)
    assert made.status == 201, made.body
    kernel = made.json["kernel"]["id"]
    assert kernel in [one["id"] for one in gateway.request("GET", "api/kernels").json]
    assert [one["id"] for one in ann.request("GET", "api/kernels").json] == [kernel]
    assert bob.request("GET", "api/kernels").json == []
    assert bob.request("GET", "api/sessions").json == []
    for theirs, status in [(kernel, 403), (nobodys, 403)]:
        assert bob.status("GET", f"api/kernels/{theirs}") == status
        assert bob.status("POST", f"api/kernels/{theirs}/interrupt", {}) == status
        assert bob.status("DELETE", f"api/kernels/{theirs}") == status

    async def use():
        for theirs in (kernel, nobodys):
            with pytest.raises(HTTPClientError, match="403"):
                await FrontEnd.open(bob, theirs)
        with pytest.raises(HTTPClientError, match="403"):
            await FrontEnd.open(ann, nobodys)
        runs = await FrontEnd.open(ann, kernel)
        watches = await FrontEnd.open(rita, kernel)
        assert await runs.text("6 * 7") == "42"
        assert (await watches.run("6 * 7"))["status"] == "error"
        runs.close()
        watches.close()

    asyncio.run(use())
    assert ann.status("DELETE", f"api/sessions/{made.json['id']}") == 204
    assert gateway.status("DELETE", f"api/kernels/{nobodys}") == 204
