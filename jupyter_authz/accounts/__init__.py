"""People who are managed while the server runs: a store of accounts, groups and grants.

Beside identity and policy, which look at a snapshot of it. An extra: nothing here is imported, nor
what it needs installed, unless `c.Accounts.enabled` says so.
"""
