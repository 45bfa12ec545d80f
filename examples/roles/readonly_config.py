"""A read-only server, as roles: everything can be looked at, nothing changed or run.

Run it with `jupyter nbclassic --config=examples/roles/readonly_config.py`.
"""

c.JupyterAuthz.base_permissions = []
c.JupyterAuthz.roles = [
    # The hook refuses all websockets of kernels, those of who would only watch as well.
    {"name": "reader", "users": ["*"], "allow": ["read"], "deny": ["read:channels"]},
]
