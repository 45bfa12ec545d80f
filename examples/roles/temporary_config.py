"""A temporary server, as roles: everything can be run, nothing saved.

Run it with `jupyter nbclassic --config=examples/roles/temporary_config.py`.

Code that runs may still write files by itself; this is about saving notebooks and files.
"""

c.JupyterAuthz.base_permissions = []
c.JupyterAuthz.roles = [
    {"name": "runner", "users": ["*"], "allow": ["*"], "deny": ["write:contents"]},
]
