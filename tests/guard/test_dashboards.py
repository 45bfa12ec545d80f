"""Dashboards of Voila: each opens their own, uses its widgets, and runs nothing of their own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest
from kernels import FrontEnd
from people import allowing
from tornado.httpclient import HTTPClientError

CODE = """
from comm import create_comm
got = []
widget = create_comm(target_name="w", data={})
widget.on_msg(lambda message: widget.send({"got": message["content"]["data"]}))
print("opened")
"""


@pytest.fixture
def be(serve, jp_server_config, jp_asyncio_loop, monkeypatch):
    """Run a server with dashboards of two teams."""
    # Where Voila is installed with its templates.
    monkeypatch.setenv("JUPYTER_PATH", str(Path(sys.prefix, "share", "jupyter")))
    jp_server_config.ServerApp.jpserver_extensions["voila.server_extension"] = True
    be = serve(
        roles=[
            allowing("*", users=["ann"], name="manager"),
            allowing("execute:voila!path=dash/cy/**", users=["cy"], name="cy"),
            allowing("execute:voila!path=dash/bob/only.ipynb", users=["bob"], name="bob"),
        ]
    )
    for path in ("dash/cy/w.ipynb", "dash/bob/only.ipynb", "dash/bob/other.ipynb", "x/y.ipynb"):
        place = be.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python"}}
        cells = [nbformat.v4.new_code_cell(CODE)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), str(place))
        (place.parent / "data.csv").write_text("a,b\n")
    yield be
    run = jp_asyncio_loop.run_until_complete
    for kernel in run(be("ann").json("GET", "api/kernels")):
        run(be("ann").fetch("DELETE", f"api/kernels/{kernel['id']}"))


async def opened(be, name, path):
    """Open a dashboard, and give the id of its kernel."""
    before = {one["id"] for one in await be("ann").json("GET", "api/kernels")}
    page = await be(name).fetch("GET", f"voila/render/{path}")
    assert page.code == 200, page.body
    assert b"opened" in page.body
    (kernel,) = {one["id"] for one in await be("ann").json("GET", "api/kernels")} - before
    assert f"{kernel}".encode() in page.body
    return kernel


async def test_who_opens_what(be):
    """The notebook's path and nothing else is asked; nothing can be read besides."""
    seen = {
        (name, path): (await be(name).fetch("GET", f"voila/render/{path}")).code
        for name in ("cy", "bob")
        for path in ("dash/cy/w.ipynb", "dash/bob/only.ipynb", "dash/bob/other.ipynb", "x/y.ipynb")
    }
    assert {pair for pair, code in seen.items() if code == 200} == {
        ("cy", "dash/cy/w.ipynb"),
        ("bob", "dash/bob/only.ipynb"),
    }
    assert set(seen.values()) == {200, 403}
    for path in (
        "voila/render/dash/bob/only.ipynb/",
        "voila/render//dash/bob/only.ipynb",
        "voila/render/dash/bob/%6fnly.ipynb",
        "voila/render/dash/../dash/bob/only.ipynb",
        "voila/files/dash/bob/data.csv",
        "voila/files/dash/cy/data.csv",
        "api/contents/dash/cy/w.ipynb",
        "files/dash/cy/w.ipynb",
        "nbconvert/html/dash/cy/w.ipynb",
    ):
        assert (await be("cy").fetch("GET", path)).code in {403, 404}, path


async def test_the_kernel_of_a_dashboard(be):
    """It takes widget messages from whoever opened it, and runs no code they send."""
    kernel = await opened(be, "cy", "dash/cy/w.ipynb")
    cy = await FrontEnd.open(be("cy"), kernel)
    reply = await cy.run("1 + 1")
    assert (reply["status"], reply["ename"]) == ("error", "PermissionError")
    comms = await cy.ask("comm_info_request", {})
    (comm,) = comms["comms"]
    sent = await cy.send("comm_msg", {"comm_id": comm, "data": {"value": 5}})
    told = await cy.until("comm_msg", sent)
    assert told["content"]["data"] == {"got": {"value": 5}}
    for kind in ("complete_request", "inspect_request", "shutdown_request"):
        reply = await cy.ask(kind, {"code": "got", "cursor_pos": 3, "restart": True})
        assert reply["status"] == "error", kind
    # It is nobody else's, also of those who may open the same.
    anns = await opened(be, "ann", "dash/cy/w.ipynb")
    for name, other in (("bob", kernel), ("cy", anns)):
        with pytest.raises(HTTPClientError, match="403"):
            await FrontEnd.open(be(name), other)
        assert await be(name).status("POST", f"voila/api/shutdown/{other}") == 403
        assert await be(name).status("DELETE", f"api/kernels/{other}") == 403
    for action in ("restart", "interrupt"):
        assert await be("cy").status("POST", f"api/kernels/{kernel}/{action}") == 403
    assert await be("cy").status("POST", "api/kernels", {"name": "python3"}) == 403
    session = {"path": "dash/cy/w.ipynb", "type": "notebook", "name": "w", "kernel": {"id": kernel}}
    assert await be("cy").status("POST", "api/sessions", session) == 403
    cy.close()
    # The page ends it when it is left.
    assert await be("cy").status("POST", f"voila/api/shutdown/{kernel}") == 204
    assert await be("ann").status("GET", f"api/kernels/{kernel}") == 404


async def test_a_dashboard_that_is_taken_away(be):
    """What is open is closed when it may not be opened any more."""
    from guard.test_revocation import closed, policy

    kernel = await opened(be, "cy", "dash/cy/w.ipynb")
    cy = await FrontEnd.open(be("cy"), kernel)
    be.guard.enforce(policy(allowing("*", users=["ann"])))
    code, seconds = await closed(cy.connection)
    assert (code, seconds < 1) == (1008, True)


async def test_lists(be):
    """They hold what one may open, and the directories on the way."""

    async def listed(name, path=""):
        reply = await be(name).fetch("GET", f"voila/api/contents/{path}")
        if reply.code != 200:
            return reply.code
        return {entry["path"] for entry in json.loads(reply.body)["content"]}

    assert await listed("ann") == {"dash", "x"}
    assert await listed("cy") == await listed("bob") == {"dash"}
    assert await listed("cy", "dash") == {"dash/cy"}
    assert await listed("cy", "dash/cy") == {"dash/cy/w.ipynb"}
    assert await listed("bob", "dash/bob") == {"dash/bob/only.ipynb"}
    assert await listed("bob", "dash/cy") == await listed("bob", "x") == 403
    assert await listed("dan") == 403
    page = (await be("bob").fetch("GET", "voila/tree/dash/bob?classic-tree=true")).body.decode()
    assert "only.ipynb" in page
    assert "other.ipynb" not in page
    assert (await be("dan").fetch("GET", "voila/tree")).code == 403


async def test_looks(be):
    """Names of themes and templates are names, and of templates that there are."""
    for place in ("voila/render/dash/cy/w.ipynb", "voila/tree"):
        for bad in (
            "theme=%22%3E%3Cscript%3E",
            "theme='x",
            "template=nosuch",
            "template=..",
            "template=.",
            "template=lab/../lab",
            # Of nbconvert, for other formats.
            "template=latex",
            "template=base",
        ):
            reply = await be("cy").fetch("GET", f"{place}?{bad}")
            assert (reply.code, b"<script>" in reply.body) == (400, False), (place, bad)
            # They are read from a form as well.
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            reply = await be("cy").fetch("GET", place, bad, headers=form)
            assert (reply.code, b"<script>" in reply.body) == (400, False), (place, bad)
    good = "voila/render/dash/cy/w.ipynb?theme=dark&template=lab"
    assert (await be("cy").fetch("GET", good)).code == 200


@pytest.mark.parametrize(
    ("deny", "opens"),
    [
        ("read:channels", False),
        ("write:channels", False),
        ("read:compute", False),
        ("write:channels!path=dash/**", False),
        ("execute:channels", True),
        ("execute:compute", True),
        ("write:channels!path=x/**", True),
    ],
)
async def test_a_deny_beats_the_dashboard(be, deny, opens):
    """What a role denies of kernels, opening a dashboard does not give; running code is not it."""
    from guard.test_revocation import policy

    cy = allowing("execute:voila!path=dash/cy/**", users=["cy"], name="cy", deny=[deny])
    be.guard.enforce(policy(allowing("*", users=["ann"], name="manager"), cy))
    kernel = await opened(be, "cy", "dash/cy/w.ipynb")
    if opens:
        end = await FrontEnd.open(be("cy"), kernel)
        assert (await end.run("1"))["status"] == "error"
        assert (await end.ask("comm_info_request", {}))["comms"]
        end.close()
    else:
        with pytest.raises(HTTPClientError, match="403"):
            await FrontEnd.open(be("cy"), kernel)


async def test_a_deny_keeps_a_dashboard_from_being_ended(be):
    """Not even by the page itself."""
    from guard.test_revocation import policy

    role = allowing(
        "execute:voila!path=dash/cy/**", users=["cy"], name="cy", deny=["write:kernels"]
    )
    be.guard.enforce(policy(allowing("*", users=["ann"], name="manager"), role))
    kernel = await opened(be, "cy", "dash/cy/w.ipynb")
    assert await be("cy").status("POST", f"voila/api/shutdown/{kernel}") == 403
