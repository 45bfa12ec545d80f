"""A document that several edit at once, in JupyterLab."""

from __future__ import annotations

import nbformat
from browsing import SECONDS, needs_browser, open_notebook, refused, run_first, wait_for_kernel
from playwright.sync_api import expect

pytestmark = needs_browser
EXTENSIONS = ("jupyter_authz", "jupyterlab", "jupyter_server_ydoc", "jupyter_server_fileid")
# What belongs to other packages' front ends and would only be in the way.
DISABLED = ("@jupyterlab/apputils-extension:announcements", "@jupyterlab/git", "nbdime-jupyterlab")
SCRIPT = """
from IPython.display import HTML
HTML("<p id=told></p><script>document.getElementById('told').innerText = 6 * 7</script>")
""".strip()


def test_reader_and_author(signed_in, server, home):
    """The reader sees what is written, and writes nothing; scripts run for whoever ran the cell."""
    cells = [nbformat.v4.new_code_cell(SCRIPT), nbformat.v4.new_code_cell("2")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.write(notebook, str(home / "root" / "dash" / "d.ipynb"))
    ann, rita = signed_in("ann"), signed_in("rita")
    for page in (ann, rita):
        open_notebook(page, server, "lab")
    expect(rita.get_by_text("notebook is read-only")).to_be_visible()
    wait_for_kernel(ann, server)
    run_first(ann)
    expect(ann.locator("#told")).to_have_text("42", timeout=SECONDS)
    last = ".jp-CodeCell .cm-content >> nth=1"
    ann.locator(last).click()
    ann.keyboard.type(" written by ann")
    expect(rita.locator(last)).to_contain_text("written by ann", timeout=SECONDS)
    rita.locator(last).click()
    rita.keyboard.type(" and by rita")
    rita.keyboard.press("Control+s")
    rita.wait_for_timeout(3000)
    assert "by rita" not in ann.inner_text(last)
    # The next to open it, and who was there, have not run it.
    late = signed_in("ann")
    open_notebook(late, server, "lab")
    late.wait_for_timeout(2000)
    for page in (rita, late):
        assert "42" not in page.inner_text(".jp-OutputArea >> nth=0")
        assert page.locator(".jp-Dialog").count() == 0
    assert [refused(page) for page in (ann, rita, late)] == [{}, {}, {}]
