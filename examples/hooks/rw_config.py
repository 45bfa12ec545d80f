"""A server for reading and writing without running code, as a hook.

Run it with `jupyter nbclassic --config=examples/hooks/rw_config.py`.
"""

from jupyter_server.base.handlers import JupyterHandler


def user_is_authorized(self, user, action, resource):
    """Let everybody read and write."""
    return action in {"read", "write"}


JupyterHandler.user_is_authorized = user_is_authorized
