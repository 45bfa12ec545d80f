"""A temporary server, as a hook: everything can be run, nothing saved.

Run it with `jupyter nbclassic --config=examples/hooks/temporary_config.py`.

Code that runs may still write files by itself; this is about saving notebooks and files.
"""

from jupyter_server.base.handlers import JupyterHandler

SAVED = {"contents", "checkpoints", "nbconvert"}


def user_is_authorized(self, user, action, resource=None):
    """Let everybody do everything but save."""
    return not (action == "write" and resource in SAVED)


JupyterHandler.user_is_authorized = user_is_authorized
