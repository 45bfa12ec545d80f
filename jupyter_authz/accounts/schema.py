"""The tables of the store; `migrations` makes them, and everything else here names their columns.

Times are whole seconds since 1970 (UTC), which all databases compare in the same way.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts by itself only in a column of this very type.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_NAME = String(255)


def _username(*, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    return Column(
        "username",
        _NAME,
        ForeignKey("users.username", ondelete="CASCADE"),
        nullable=nullable,
        primary_key=primary_key,
    )


USERS = Table(
    "users",
    METADATA,
    Column("username", _NAME, primary_key=True),
    # As names are told apart: two that differ only in case are one.
    Column("username_key", _NAME, nullable=False, unique=True),
    Column("name", _NAME, nullable=False, server_default=""),
    Column("email", String(320)),
    Column("email_key", String(320), unique=True),
    # As `jupyter_server.auth.passwd` makes it.
    Column("password", String(512)),
    Column("external_id", _NAME, unique=True),
    # One of `people.STATES`.
    Column("state", String(16), nullable=False),
    # Whether the address is known to be theirs.
    Column("is_verified", Integer, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
)

# A set of tags; in the set `groups` they are groups, which the policy knows.
GROUPS = Table(
    "groups",
    METADATA,
    Column("tag_set", String(64), primary_key=True),
    Column("name", _NAME, primary_key=True),
    Column("description", Text, nullable=False, server_default=""),
)

MEMBERSHIPS = Table(
    "memberships",
    METADATA,
    _username(primary_key=True),
    Column("tag_set", String(64), primary_key=True),
    Column("group_name", _NAME, primary_key=True),
    ForeignKeyConstraint(
        ["tag_set", "group_name"], ["groups.tag_set", "groups.name"], ondelete="CASCADE"
    ),
    Index("ix_memberships_group", "tag_set", "group_name"),
)

GRANTS = Table(
    "grants",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("role", _NAME, nullable=False),
    _username(nullable=True),
    Column("group_name", _NAME),
    Column("expires", BigInteger),
    Column("granted_by", _NAME, nullable=False),
    Column("created", BigInteger, nullable=False),
    CheckConstraint("(username IS NULL) <> (group_name IS NULL)", name="one_holder"),
    UniqueConstraint("role", "username", name="uq_grants_role_username"),
    UniqueConstraint("role", "group_name", name="uq_grants_role_group"),
    Index("ix_grants_username", "username"),
)

# Of the three secrets below only the SHA-256 is kept; each is 256 random bits.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(32), primary_key=True),
    _username(),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("address", String(64), nullable=False, server_default=""),
    Column("agent", String(255), nullable=False, server_default=""),
    Index("ix_sessions_username", "username"),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(32), primary_key=True),
    _username(),
    Column("name", _NAME, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    # A JSON list, or nothing: all that its owner may do.
    Column("permissions", Text),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("seen", BigInteger),
    UniqueConstraint("username", "name", name="uq_tokens_username_name"),
)

LINKS = Table(
    "links",
    METADATA,
    Column("digest", LargeBinary(32), primary_key=True),
    _username(),
    # One of `links.PURPOSES`.
    Column("purpose", String(16), nullable=False),
    # The address that it is about.
    Column("email", String(320)),
    Column("expires", BigInteger, nullable=False),
    Index("ix_links_username", "username"),
)

# What has changed, in the order in which it did: what other processes have to read again.
JOURNAL = Table(
    "journal",
    METADATA,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    # Random: a backup that was put back has other marks.
    Column("mark", String(32), nullable=False),
    # One of `store.KINDS`, and what of it.
    Column("kind", String(16), nullable=False),
    Column("key", _NAME, nullable=False),
)

# One row, locked by who writes: writers take turns, and what was checked holds until it is written.
TURN = Table(
    "turn",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
