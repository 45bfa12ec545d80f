"""A callback with the paths that each user and each group may go to."""

from hashlib import sha256
from pathlib import Path

from jupyter_server.auth import passwd

HERE = Path(__file__).resolve().parent
GROUPS = {"ann": ["staff/heads"], "bob": ["staff"], "cy": ["finance"]}
OF_USERS = {"ann": ["/"]}
OF_GROUPS = {
    "staff": ["/files/reports", "/view/reports"],
    "finance": ["/files/finance", "/view/finance"],
}


def is_below(path, place):
    """Whether a path is a place or below it, whole segments at a time."""
    return path == place or path.startswith(place.rstrip("/") + "/")


def authorize(user_info, path):
    """Whether somebody may go somewhere, by their name or by one of their groups."""
    places = list(OF_USERS.get(user_info["username"], []))
    for group in user_info["groups"]:
        places += OF_GROUPS.get(group, [])
    return any(is_below(path, place) for place in places)


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
