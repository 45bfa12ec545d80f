"""Running the cells of a notebook as they are saved, and nothing of one's own."""

from __future__ import annotations

import nbformat
import pytest
from kernels import PROTOCOLS, FrontEnds
from people import allowing
from tornado.httpclient import HTTPClientError

CELLS = ["x = 6 * 7\n'ran ' + str(x)", "print('second')", "  spaced  = 1\n"]


def save(path, *cells):
    """Save a notebook with code cells, and some text."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("x = 'markdown'"),
            nbformat.v4.new_raw_cell("x = 'raw'"),
            *map(nbformat.v4.new_code_cell, cells),
        ]
    )
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, str(path))


@pytest.fixture
def be(serve, jp_asyncio_loop):
    """Run a server on which rose may start dashboards and run their cells."""
    be = serve(
        roles=[
            allowing("*", users=["ann"], name="ann"),
            allowing(
                "read:contents!path=dash/**",
                "execute:kernels,sessions,cells!path=dash/**",
                users=["rose"],
                name="rose",
            ),
        ]
    )
    save(be.root / "dash" / "d.ipynb", *CELLS)
    save(be.root / "other" / "o.ipynb", "x = 'other'")
    run = jp_asyncio_loop.run_until_complete
    body = session("dash/d.ipynb")
    be.kernel = run(be("rose").json("POST", "api/sessions", body))["kernel"]["id"]
    be.front_end = FrontEnds(be, be.kernel)
    yield be
    run(be.front_end.close())


def session(path, **kernel):
    """Give the body that starts a session."""
    return {"path": path, "name": path, "type": "notebook", "kernel": kernel}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_saved_cells_are_run(be, protocol):
    """Verbatim, in any order, as a front end sends them."""
    rose = await be.front_end("rose", protocol)
    for cell in reversed(CELLS):
        assert (await rose.run(cell))["status"] == "ok"
    sent = await rose.send("execute_request", {"code": CELLS[0], "user_expressions": {}})
    result = await rose.until("execute_result", sent)
    assert result["content"]["data"]["text/plain"] == "'ran 42'"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_nothing_else_is_run(be, protocol, caplog):
    """No other code, no part of a cell, no text, nothing beside the code."""
    rose = await be.front_end("rose", protocol)
    first, second, third = CELLS
    for code in (
        "x = 1",
        "",
        first.splitlines()[0],
        first + "\n",
        third.strip(),
        first + second,
        "x = 'markdown'",
        "x = 'raw'",
        "x = 'other'",
        [first],
        None,
    ):
        reply = await rose.run(code)
        assert (reply["status"], reply["ename"]) == ("error", "PermissionError"), code
        assert "saved cells of this notebook" in reply["evalue"]
    assert "not-a-saved-cell (it is no code cell, as saved," in caplog.text
    assert "no role" not in caplog.text
    reply = await rose.run(second, user_expressions={"a": "open('/tmp/x')"})
    assert reply["ename"] == "PermissionError"
    for kind, channel in (("complete_request", "shell"), ("execute_request", "control")):
        reply = await rose.ask(kind, {"code": second, "cursor_pos": 1}, channel)
        assert reply["ename"] == "PermissionError"
    ann = await be.front_end("ann")
    assert await ann.text("'x' in globals()") == "False"


async def test_no_input_is_asked_for(be):
    """A cell that asks for input fails: an answer would be code of one's own, often enough."""
    save(be.root / "dash" / "d.ipynb", "answer = input()")
    rose = await be.front_end("rose")
    reply = await rose.run("answer = input()", allow_stdin=True)
    assert (reply["status"], reply["ename"]) == ("error", "StdinNotImplementedError")


async def test_what_is_saved_counts_at_once(be):
    """A cell that is changed, or gone, is no longer run."""
    rose = await be.front_end("rose")
    assert (await rose.run(CELLS[1]))["status"] == "ok"
    save(be.root / "dash" / "d.ipynb", "print('new')")
    assert (await rose.run(CELLS[1]))["ename"] == "PermissionError"
    assert (await rose.run("print('new')"))["status"] == "ok"
    (be.root / "dash" / "d.ipynb").unlink()
    assert (await rose.run("print('new')"))["ename"] == "PermissionError"


async def test_only_notebooks_hold_cells(be):
    """A file of another kind does not, whatever is in it and wherever a session says it is."""
    (be.root / "dash" / "mine.txt").write_bytes((be.root / "dash" / "d.ipynb").read_bytes())
    (session_model,) = await be("rose").json("GET", "api/sessions")
    moved = {"path": "dash/mine.txt", "type": "notebook"}
    assert await be("rose").status("PATCH", f"api/sessions/{session_model['id']}", moved) == 200
    rose = await be.front_end("rose")
    assert (await rose.run(CELLS[1]))["ename"] == "PermissionError"


async def test_the_kernel_of_two_notebooks(be):
    """All its paths count, and the cells of either."""
    rose = await be.front_end("rose")
    save(be.root / "dash" / "e.ipynb", "e = 1")
    body = session("dash/e.ipynb", id=be.kernel)
    assert await be("rose").status("POST", "api/sessions", body) == 201
    assert (await rose.run("e = 1"))["status"] == "ok"
    await be("ann").json("POST", "api/sessions", session("other/o.ipynb", id=be.kernel))
    # The kernel is no longer only of what they may run.
    while await rose.read() is not None:
        pass
    assert rose.connection.close_code == 1008


async def test_who_may_run_cells_starts_no_code_of_their_own(be):
    """Not by another way, either."""
    rose = be("rose")
    assert await rose.status("POST", "api/sessions", session("other/o.ipynb")) == 403
    assert await rose.status("POST", "api/terminals", {}) == 403
    assert await rose.status("PUT", "api/contents/dash/d.ipynb", {"type": "notebook"}) == 403
    assert await rose.status("POST", f"api/kernels/{be.kernel}/restart") == 200


@pytest.mark.parametrize(
    ("deny", "opens"), [("read:channels", False), ("write:channels", True), ("read:cells", False)]
)
async def test_a_deny_of_channels_beats_saved_cells(be, deny, opens):
    """Who may run saved cells may watch for that, unless a role denies them the kernel itself."""
    from guard.test_revocation import policy

    rose = allowing("execute:kernels,sessions,cells!path=dash/**", users=["rose"], deny=[deny])
    be.guard.enforce(policy(allowing("*", users=["ann"], name="ann"), rose))
    if opens:
        end = await be.front_end("rose")
        assert (await end.run(CELLS[0]))["status"] == "ok"
    else:
        with pytest.raises(HTTPClientError, match="403"):
            await be.front_end("rose")
