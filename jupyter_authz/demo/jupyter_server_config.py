"""Configuration of the server that `jupyter authz demo` runs: a copy for you to change.

Who may run code acts as the operating system user of the server, whatever is said of files here.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent

c = get_config()  # noqa: F821 - what Jupyter gives to this file

c.ServerApp.root_dir = str(HERE / "files")
c.ServerApp.open_browser = False
# Who there is stands in a store of its own; `/authz/admin` is where the manager changes it.
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.Accounts.enabled = True
c.Accounts.url = f"sqlite:///{(HERE / 'accounts.db').as_posix()}"
# A server in which jupyter_authz is missing refuses to start.
c.ServerApp.authorizer_class = "jupyter_authz.PolicyAuthorizer"

# Who may do what. What no role allows is denied, and a deny beats every allow.
c.JupyterAuthz.roles = [
    {
        "name": "manager",
        "description": "Sees and does everything, and manages people",
        "groups": ["manager"],
        "allow": ["*"],
    },
    {
        "name": "team",
        "description": "Works in the folder of the team, opens its dashboards, and keeps its "
        "archive as it is",
        "groups": ["team"],  # team/finance and team/data-science are in it
        "allow": [
            "read,write:contents!path={group}/**",
            "execute:compute,voila!path={group}/**",
        ],
        "deny": ["write:contents!path={group}/archive/**"],
    },
    {
        "name": "everyone",
        "description": "Reads what is for all",
        "users": ["*"],
        "allow": ["read:contents!path=welcome/**"],
    },
]
