"""The base permissions: what a working front end needs, for every signed-in user."""

from __future__ import annotations

BASE_PERMISSIONS = (
    # the shells of front ends, their settings, workspaces and texts
    "read:ui,settings,workspaces,translations,licenses,news,config",
    # what the server is and does, and who one is
    "read:api,events,identity,metrics",
    "write:identity,csp",
    # which everybody has for themselves
    "write:settings,workspaces,trust_notebook",
    # which kernels there are, and what one runs oneself
    "read:kernelspecs,lsp",
    "read:kernels,sessions,terminals!owner={username}",
    # being seen by others who are there
    "read:collaboration",
)
