"""A callback with a file of users: who stands in it is let in."""

from hashlib import sha256
from pathlib import Path

from jupyter_server.auth import passwd

HERE = Path(__file__).resolve().parent
# Not among the files of the server: whoever is let in could let others in.
USERS = HERE / "users.txt"
GROUPS = {"ann": [], "bob": [], "cy": []}


def authorize(user_info):
    """Whether a user stands in the file; it is read again each time, so that changes count."""
    lines = USERS.read_text(encoding="utf-8").splitlines()
    return user_info["username"] in {line.strip() for line in lines}


c.JupyterAuthz.authorize_callback = authorize
c.ServerApp.root_dir = str(HERE / "files")

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
