"""Runs the steps on the connection that `accounts.store` has opened."""

from __future__ import annotations

from alembic import context

from jupyter_authz.accounts.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table="schema_version",
    render_as_batch=True,
    transactional_ddl=False,
)
# The connection is in a transaction already, which ends with all steps taken or none.
context.run_migrations()
