"""A server for reading and writing without running code, as roles.

Run it with `jupyter nbclassic --config=examples/roles/rw_config.py`.
"""

c.JupyterAuthz.base_permissions = []
c.JupyterAuthz.roles = [
    # The hook refuses all websockets of kernels, those of who would only watch as well.
    {"name": "writer", "users": ["*"], "allow": ["read,write"], "deny": ["read:channels"]},
]
