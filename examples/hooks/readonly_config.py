"""A read-only server, as a hook: everything can be looked at, nothing changed or run.

Run it with `jupyter nbclassic --config=examples/hooks/readonly_config.py`.
"""

from jupyter_server.base.handlers import JupyterHandler


def user_is_authorized(self, user, action, resource):
    """Let everybody read."""
    return action == "read"


JupyterHandler.user_is_authorized = user_is_authorized
