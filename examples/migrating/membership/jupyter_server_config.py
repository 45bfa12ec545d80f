"""An extension whose handlers require members of a group; the policy lets everybody use it."""

import sys
from hashlib import sha256
from pathlib import Path

from jupyter_server.auth import passwd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
GROUPS = {"ann": ["teacher/heads"], "bob": ["teacher/physics"], "cy": ["teachers"]}

c.ServerApp.root_dir = str(HERE / "files")
c.ServerApp.jpserver_extensions = {"grades": True}
c.JupyterAuthz.roles = [
    {"name": "everyone", "users": ["*"], "allow": ["execute:ext.grades"]},
]

# Everybody can read these: make other passwords and tokens for your own server.
c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"
c.AccountsIdentityProvider.users = {
    name: {
        "groups": groups,
        "hashed_password": passwd(f"{name}-demo"),
        "hashed_tokens": ["sha256:" + sha256(f"{name}-token".encode()).hexdigest()],
    }
    for name, groups in GROUPS.items()
}
# A server in which jupyter_authz is missing refuses to start.
c.ServerApp.authorizer_class = "jupyter_authz.PolicyAuthorizer"
c.ServerApp.open_browser = False
