"""One server for four people: a manager, two teams of one person each, and somebody without a team.

Run it with `jupyter server --config=examples/shared/jupyter_server_config.py`, then sign in at
http://localhost:8888/lab as `ann`, `bob`, `cy` or `dan`; the password is the name and `-demo`,
such as `ann-demo`. Scripts send `Authorization: token ann-token`.

For your own server make other passwords (`python -c "from jupyter_server.auth import passwd;
print(passwd())"`) and other tokens (`python -c "from jupyter_authz import new_token;
print(*new_token())"`): everybody can read these.
"""

from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent

c.ServerApp.root_dir = str(HERE / "files")
c.ServerApp.open_browser = False

# Who there is. `jupyter_server.auth.passwd` makes the password hashes.
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.AccountsIdentityProvider.users = {
    "ann": {
        "display_name": "Ann",
        "groups": ["manager"],
        "hashed_password": "argon2:$argon2id$v=19$m=10240,t=10,p=8$of1lF/IcGsLl10NdnMw1DA"
        "$SrKm8hqQp7ejLs/K5UweDnbT2/iw5ZqLDw4FyE6ddXc",
        "hashed_tokens": ["sha256:" + sha256(b"ann-token").hexdigest()],
    },
    "bob": {
        "display_name": "Bob",
        "groups": ["team/data-science"],
        "hashed_password": "argon2:$argon2id$v=19$m=10240,t=10,p=8$gXc5XYXgYNm4grIp234YnQ"
        "$s4qQ48opF0MWOTJiiuyfL3Vo+Abi6yVBGWO1aKQqO/4",
        "hashed_tokens": ["sha256:" + sha256(b"bob-token").hexdigest()],
    },
    "cy": {
        "display_name": "Cy",
        "groups": ["team/finance"],
        "hashed_password": "argon2:$argon2id$v=19$m=10240,t=10,p=8$tHJRI4DWNdaXno89h0lK+Q"
        "$3M1wHSSwOMuvWx3SHFnXzK7/ZiHqAzoMFga/p51jfEI",
        "hashed_tokens": ["sha256:" + sha256(b"cy-token").hexdigest()],
    },
    "dan": {
        "display_name": "Dan",
        "hashed_password": "argon2:$argon2id$v=19$m=10240,t=10,p=8$rBBYKR7iedZYbQaa6InjRg"
        "$VdrYAvbDnUGiWguZkDN20sK6OIHQKGdinz4r5ePwf3g",
        "hashed_tokens": ["sha256:" + sha256(b"dan-token").hexdigest()],
    },
}

# Who may do what.
c.JupyterAuthz.roles = [
    {
        "name": "manager",
        "description": "Sees and does everything",
        "groups": ["manager"],
        "allow": ["*"],
    },
    {
        "name": "team",
        "description": "Works in the folder of the team, and keeps its archive as it is",
        "groups": ["team"],
        "allow": [
            "read,write:contents!path={group}/**",
            "execute:compute!path={group}/**",
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

# If the extension were disabled, the server would refuse to start instead of being open to all.
c.ServerApp.authorizer_class = "jupyter_authz.PolicyAuthorizer"
