"""Trust is personal, and what is shown of files has nobody's rights."""

from __future__ import annotations

import nbformat
import pytest
from people import allowing

SCRIPT = "<script>steal()</script>"


@pytest.fixture
def be(serve, jp_server_config):
    """Run a server with a notebook whose output is a script."""
    jp_server_config.ServerApp.jpserver_extensions.update(voila=True)
    be = serve(
        roles=[
            allowing("*", users=["ann", "wes"], name="writers"),
            allowing("read:contents", users=["rita"], name="reader"),
        ]
    )
    output = nbformat.v4.new_output("display_data", {"text/html": SCRIPT})
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), str(be.root / "n.ipynb"))
    be.write(a_html=SCRIPT)
    return be


async def trusted(someone):
    """Whether a notebook comes as one whose output may run."""
    model = await someone.json("GET", "api/contents/n.ipynb")
    return model["content"]["cells"][0]["metadata"]["trusted"]


async def test_trust_is_personal(be):
    """Who trusts it, or saves it trusted, does so for themselves; reading is enough."""
    ann, wes, rita = be("ann"), be("wes"), be("rita")
    assert [await trusted(one) for one in (ann, wes, rita)] == [False, False, False]
    assert await rita.status("POST", "api/contents/n.ipynb/trust") == 201
    assert [await trusted(one) for one in (ann, wes, rita)] == [False, False, True]
    model = await wes.json("GET", "api/contents/n.ipynb")
    model["content"]["cells"][0]["metadata"]["trusted"] = True
    model["content"]["cells"].append(nbformat.v4.new_code_cell("2", metadata={"trusted": True}))
    assert await wes.status("PUT", "api/contents/n.ipynb", model) == 200
    # It is another notebook now.
    assert [await trusted(one) for one in (ann, wes, rita)] == [False, True, False]


async def test_who_may_not_read_trusts_nothing(be):
    """And learns nothing."""
    assert await be("dan").status("POST", "api/contents/n.ipynb/trust") == 403


async def test_without_a_policy_trust_is_shared(serve):
    """As without the extension."""
    be = serve()
    cell = nbformat.v4.new_code_cell("1", outputs=[])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), str(be.root / "n.ipynb"))
    assert await be("ann").status("POST", "api/contents/n.ipynb/trust") == 201
    assert await trusted(be("bob"))


@pytest.mark.parametrize("path", ["files/a.html", "voila/files/a.html"])
async def test_files_are_shown_in_a_sandbox(be, path):
    """By every route that shows a file as a page."""
    be.web_app.settings.setdefault("voila_configuration", None)
    for rule in be.guard.routes.all():
        if rule.pattern.endswith("/voila/files/(.*)$"):
            break
    reply = await be("ann").fetch("GET", path)
    if reply.code == 200:
        assert "sandbox" in reply.headers["Content-Security-Policy"]
    else:
        # Not on the list of what voila shows.
        assert (path, reply.code) == ("voila/files/a.html", 403)
