"""A callback that leads from the root to one's own page."""

from hashlib import sha256
from pathlib import Path

from jupyter_server.auth import passwd

HERE = Path(__file__).resolve().parent
GROUPS = {"ann": ["admin"], "bob": [], "cy": []}
# A page that shows a file has the file in it, which it asks for by itself.
OF_USERS = ("/view/user", "/files/user")


def authorize(user_info, path):
    """Lead from the root to where somebody belongs, and let users see their pages only."""
    is_admin = "admin" in user_info["groups"]
    if path == "/":
        return f"/view/{'admin' if is_admin else 'user'}/index.html"
    return is_admin or any(f"{path}/".startswith(f"{place}/") for place in OF_USERS)


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
