"""How the tables of the store came to be, one step a file; Alembic takes those that are missing."""
