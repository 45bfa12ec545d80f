"""Dashboards for two teams on one server: Voila notebooks, and a Panel application behind a proxy.

Run it with `jupyter server --config=examples/dashboards/jupyter_server_config.py`, then open
http://localhost:8888/voila and sign in as `ann`, `bob`, `cy` or `dan`; the password is the name and
`-demo`, such as `ann-demo`. Scripts send `Authorization: token ann-token`. For your own server make
other passwords and tokens: everybody can read these.
"""

import sys
from hashlib import sha256
from pathlib import Path

from jupyter_server.auth import passwd

HERE = Path(__file__).resolve().parent
TEAMS = {"ann": ["manager"], "bob": ["science"], "cy": ["finance"], "dan": []}

c.ServerApp.root_dir = str(HERE / "files")
c.ServerApp.open_browser = False
c.ServerApp.default_url = "/voila"
c.ServerApp.authorizer_class = "jupyter_authz.PolicyAuthorizer"
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.AccountsIdentityProvider.users = {
    name: {
        "display_name": name.title(),
        "groups": groups,
        "hashed_password": passwd(f"{name}-demo"),
        "hashed_tokens": ["sha256:" + sha256(f"{name}-token".encode()).hexdigest()],
    }
    for name, groups in TEAMS.items()
}

# One Panel server with an application for each team, at /apps/finance and /apps/science. It listens
# on a socket that only this server's user can open: on a port it would be there for everybody on
# this machine.
c.ServerProxy.servers = {
    "apps": {
        "command": [
            *(sys.executable, "-m", "panel", "serve"),
            *(str(HERE / "apps" / "finance.py"), str(HERE / "apps" / "science.py")),
            *("--unix-socket", "{unix_socket}", "--prefix", "{base_url}apps"),
        ],
        "unix_socket": True,
        "absolute_url": True,
        "timeout": 60,
    },
}

c.JupyterAuthz.roles = [
    {
        "name": "manager",
        "description": "Sees and does everything",
        "groups": ["manager"],
        "allow": ["*"],
    },
    {
        "name": "team",
        "description": "Opens the dashboards in the folder of the team, and its application",
        "groups": ["finance", "science"],
        "allow": [
            "execute:voila!path={group}/**",
            "execute:proxy!name=apps&url={group}/**",
            "execute:proxy!name=apps&url=static/**",  # what every page of Panel is made of
        ],
    },
    {
        "name": "everyone",
        "description": "Opens the dashboards that are for all",
        "users": ["*"],
        "allow": ["execute:voila!path=welcome/**"],
    },
]
