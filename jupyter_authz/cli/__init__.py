"""The command line, `jupyter authz ...`: beside `app.py`, it looks at a server that is wired."""
