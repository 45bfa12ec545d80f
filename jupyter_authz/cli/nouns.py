"""The commands about users, groups, roles and tokens, as data: their verbs, words and options.

Right of `cli.accounts` and `cli.verbs`; what they do stands in the modules that they name.
"""

from __future__ import annotations

from jupyter_authz.cli.accounts import NEEDS, AccountsCommand, listing
from jupyter_authz.cli.verbs import OneOf, Verb, days, option, word

_NAME = word("username", "NAME", "The username.")
_GROUPS = word("groups", "GROUP", "A group, such as teacher/physics.", nargs="+")
_STATE = '{"username", "state"}'
_LINK = 'good for once; "expires" is in seconds since 1970'
_STDIN = "Take the password from the first line of the standard input."
_TIMES = "times are seconds since 1970, or null"

_USER = {
    "add": Verb(
        "user.add",
        "Make a user, who signs in by a password or is invited by a link.",
        (
            _NAME,
            option("email", "Their address.", "ADDRESS"),
            option("name", "What others see.", "TEXT", default=""),
            option("group", "A group that they are in; may be repeated.", "GROUP", action="append"),
            OneOf(
                (
                    option("password-stdin", _STDIN),
                    option("invite", "Print a link by which they set their password."),
                )
            ),
            option("again", "Give the name again of somebody who was deleted, with what runs."),
        ),
        prints=f'{{"username", "state", "link", "expires"}}; the link is {_LINK}',
        more="Without --password-stdin and --invite the password is asked for.",
    ),
    "list": Verb(
        "user.look",
        "List people.",
        (
            option("search", "What is in their username, name or address.", "TEXT"),
            option("state", "In which state they are, such as awaiting or deleted.", "STATE"),
            option("group", "In which group they are, or below it.", "GROUP"),
        ),
        prints='[{"username", "name", "email", "state", "groups", "created"}]',
        looks=True,
    ),
    "block": Verb(
        "user.block", "Sign somebody out at once, and let them in no more.", (_NAME,), _STATE
    ),
    "unblock": Verb("user.unblock", "Let somebody in again who was blocked.", (_NAME,), _STATE),
    "approve": Verb(
        "user.approve", "Agree to an account that somebody has registered.", (_NAME,), _STATE
    ),
    "delete": Verb(
        "user.delete", "Delete somebody with all that is kept of them.", (_NAME,), _STATE
    ),
    "passwd": Verb(
        "user.set_password",
        "Set a password; sessions, tokens and links of theirs end.",
        (_NAME, option("password-stdin", _STDIN)),
        _STATE,
        more="Without --password-stdin it is asked for, twice.",
    ),
    "link": Verb(
        "user.link",
        "Print a link by which somebody signs in once.",
        (_NAME, option("invite", "By which they set their password, instead.")),
        prints=f'{{"username", "link", "expires"}}; the link is {_LINK}',
    ),
    "import": Verb(
        "imports.users",
        "Make all users of a CSV file, or none.",
        (word("file", "FILE.csv", "In UTF-8, its columns named in the first line."),),
        prints='{"users", "invited", "memberships"}, each a number',
        more="""
        Columns: username; and if wanted name, email, groups (with ; between them) and
        hashed_password (as jupyter_server.auth.passwd makes it). Who has none is invited.
        """,
    ),
}

_GROUP = {
    "add": Verb(
        "group.add",
        "Have somebody in groups, which are made if there are none.",
        (_NAME, _GROUPS),
        prints='{"username", "groups"}, all that they are directly in',
    ),
    "remove": Verb(
        "group.remove",
        "Take somebody out of groups.",
        (_NAME, _GROUPS),
        prints='{"username", "groups"}, all that they are directly in',
    ),
    "list": Verb(
        "group.look",
        "List all groups as a tree, or those of somebody.",
        (word("username", "NAME", "Whose.", nargs="?"),),
        prints=(
            '[{"group", "members", "direct"}]: how many are in it or below, and directly;\n'
            'with NAME {"username", "groups"}'
        ),
        looks=True,
    ),
    "find": Verb(
        "group.find",
        "Find who is in any of some groups, or below it.",
        (_GROUPS, option("all", "Who is in all of them.")),
        prints='["username"]',
        looks=True,
    ),
    "delete": Verb(
        "group.delete",
        "Delete a group and all below it, with the roles that were given to them.",
        (word("group", "GROUP", "The group."),),
        prints='{"group", "members"}, who was in it or below it',
    ),
    "import": Verb(
        "imports.memberships",
        "Have all people of a CSV file in their groups, or none.",
        (word("file", "FILE.csv", "In UTF-8, with the columns username and group."),),
        prints='{"rows", "memberships"}: how many were read, and are new',
    ),
}

_TOKEN = {
    "add": Verb(
        "token.add",
        "Make a token for somebody's scripts, and print it, this once.",
        (
            _NAME,
            word("name", "TOKENNAME", "By which they know it again."),
            option(
                "permission",
                "All that may be done with it; may be repeated.",
                "PERMISSION",
                action="append",
            ),
            option(
                "days", "When it ends, by c.Accounts.token_limit at the latest.", "N", type=days
            ),
        ),
        prints=f'{{"token", "username", "name", "permissions", "expires"}}; {_TIMES}',
    ),
    "list": Verb(
        "token.look",
        "List the tokens of somebody, without what they are.",
        (_NAME,),
        prints=f'[{{"id", "name", "permissions", "created", "expires", "seen"}}]; {_TIMES}',
        looks=True,
    ),
    "delete": Verb(
        "token.delete",
        "End a token.",
        (_NAME, word("id", "ID", "As the list of tokens shows it.")),
        prints='{"username", "id"}',
    ),
}

_ROLE = word("role", "ROLE", "Its name in c.JupyterAuthz.roles.")
_HOLDER = OneOf(
    (option("user", "A username.", "NAME"), option("group", "A group.", "GROUP")), is_needed=True
)


class UserCommand(AccountsCommand):
    """`jupyter authz user`."""

    name = "jupyter-authz-user"
    description = f"""
    People: make, list, block and delete them, and let them in.
    {NEEDS}"""
    examples = (
        "jupyter authz user add ann --email=ann@example.org --group=team/finance --invite\n"
        "jupyter authz user list --search=ann\n"
        "jupyter authz user import people.csv\n"
        "jupyter authz user add --help"
    )
    verbs = _USER
    subcommands = listing(_USER)


class GroupCommand(AccountsCommand):
    """`jupyter authz group`."""

    name = "jupyter-authz-group"
    description = f"""
    Groups: who is in which. A member of teacher/physics is a member of teacher.
    {NEEDS}"""
    examples = (
        "jupyter authz group add ann teacher/physics\n"
        "jupyter authz group find teacher\n"
        "jupyter authz group add --help"
    )
    verbs = _GROUP
    subcommands = listing(_GROUP)


class TokenCommand(AccountsCommand):
    """`jupyter authz token`."""

    name = "jupyter-authz-token"
    description = f"""
    Tokens: what people's scripts sign in with.
    {NEEDS}"""
    examples = (
        "jupyter authz token add ann nightly --permission=read:contents --days=30\n"
        "jupyter authz token add --help"
    )
    verbs = _TOKEN
    subcommands = listing(_TOKEN)


class GrantCommand(AccountsCommand):
    """`jupyter authz grant`."""

    name = "jupyter-authz-grant"
    description = "Give a role to somebody or to a group."
    alone = Verb(
        "grant.give",
        description,
        (
            _ROLE,
            _HOLDER,
            OneOf(
                (
                    option("expires", "The last day on which it counts, in UTC.", "2030-12-31"),
                    option("days", "For how many days it counts.", "N", type=days),
                )
            ),
        ),
        prints=f'{{"role", "user", "group", "expires"}}; {_TIMES}',
        more=NEEDS,
    )


class RevokeCommand(AccountsCommand):
    """`jupyter authz revoke`."""

    name = "jupyter-authz-revoke"
    description = "Take a role that was given to somebody or to a group."
    alone = Verb(
        "grant.take", description, (_ROLE, _HOLDER), '{"role", "user", "group"}', more=NEEDS
    )


class GrantsCommand(AccountsCommand):
    """`jupyter authz grants`."""

    name = "jupyter-authz-grants"
    description = "List the roles that were given, to whom and until when."
    alone = Verb(
        "grant.look",
        description,
        prints=(
            '[{"role", "user", "group", "expires", "is_over", "granted_by", "created"}];\n' + _TIMES
        ),
        more=NEEDS,
        looks=True,
    )
