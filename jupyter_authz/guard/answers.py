"""Answers to those who are not let in: a page for people, JSON for programs.

Behind the decision. Written with tornado's own methods.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.httputil import url_concat
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from jupyter_authz.model import GUEST
from jupyter_authz.resources.types import EXTENSION_PREFIX

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from jupyter_authz.model import Decision, Question

# As RFC 6455 has it for what goes against a policy.
POLICY_VIOLATION = 1008

_VERBS = {"read": "see", "write": "change", "execute": "run"}
# What people call what a resource type holds.
_NOUNS = {
    "contents": "this file or folder",
    "checkpoints": "the checkpoints of this file",
    "nbconvert": "this notebook in another format",
    "trust_notebook": "the trust in this notebook",
    "kernels": "kernels here",
    "sessions": "sessions here",
    "channels": "code in this kernel",
    "terminals": "terminals",
    "kernelspecs": "this kind of kernel",
    "config": "the configuration of this server",
    "server": "this server",
    "proxy": "this application",
    "voila": "this dashboard",
    "git": "this repository",
    "ui": "this page",
}
# What people call an action where the words above would not say it.
_DEEDS = {
    ("read", "channels"): "watch this kernel",
    ("write", "channels"): "interact with what runs in this kernel",
    ("execute", "cells"): "run anything but the saved cells of this notebook",
    ("write", "kernels"): "start or stop kernels here",
    ("write", "sessions"): "run notebooks here",
    ("execute", "kernels"): "run code here",
    ("execute", "nbconvert"): "convert this notebook by running a program",
    ("write", "nbconvert"): "convert notebooks here",
    ("write", "events"): "tell others here of events",
    ("execute", "config"): "load code for everybody on this server",
    ("write", "server"): "stop this server",
    ("execute", "server"): "stop this server",
    ("write", "terminals"): "start or stop terminals here",
    ("read", "terminals"): "see this terminal",
    ("execute", "terminals"): "use terminals here",
    ("execute", "git"): "run git in this repository",
    ("read", "authz"): "see who is on this server and what they may do",
    ("write", "authz"): "manage people on this server",
    ("write", "trust_notebook"): "trust this notebook",
}
_OTHER_MESSAGES = {
    "closed": "This belongs to the server itself, which shows it to nobody here, nor changes it.",
    "cross-site": "This link came from another site, and following it would run or change "
    "something.",
    "membership": "This is for members of a group that you are not in. Ask those who run this "
    "server if you should be.",
    "error": "This server could not decide whether you may do this, so you may not. Tell those "
    "who run it.",
}

# What has a meaning in an address, or is written in it as it is.
_IN_URLS = "/?#%:@!$&'()*+,;=~[]"
# Reasons that are nobody's in particular.
_FOR_ALL = {"closed", "cross-site", "error"}


def sentence(question: Question | None) -> str:
    """Give the sentence for a person about a question that was denied.

    It names what was asked for in general terms, and nothing of the policy.
    """
    if question is None:
        return "You may not do this on this server."
    kind = question.resource.type
    if kind.startswith(EXTENSION_PREFIX):
        return "You may not use this part of this server. Ask those who run it if you should."
    noun = _NOUNS.get(kind, f"this ({kind})")
    deed = _DEEDS.get((question.action, kind), f"{_VERBS[question.action]} {noun}")
    return f"You may not {deed}. Ask those who run this server if you should."


def deny(handler: RequestHandler, status: int, decision: Decision) -> None:
    """Answer that a request was denied.

    Parameters
    ----------
    handler
        Who answers.
    status
        HTTP status.
    decision
        As recorded.
    """
    if _is_guest(handler) and wants_page(handler) and decision.reason not in _FOR_ALL:
        # As whoever is nobody: once they have signed in, they may.
        handler.set_status(302)
        login = handler.get_login_url()
        handler.set_header("Location", url_concat(login, {"next": handler.request.uri or "/"}))
        RequestHandler.finish(handler)
        return
    message = _OTHER_MESSAGES.get(decision.reason) or sentence(decision.question)
    answer(handler, status, message, decision.reason, decision.id, decision.question)


def redirect(handler: RequestHandler, path: str) -> None:
    """Lead elsewhere on this server.

    Parameters
    ----------
    handler
        Who answers.
    path
        Below the base URL, with a slash at its beginning.
    """
    handler.set_status(302)
    handler.set_header("Cache-Control", "no-store")
    handler.set_header(
        "Location", handler.settings["base_url"].rstrip("/") + quote(path, safe=_IN_URLS)
    )
    RequestHandler.finish(handler)


def deny_existence(handler: RequestHandler) -> None:
    """Answer as Jupyter Server does where nothing is."""
    handler.set_status(404)
    if wants_page(handler):
        JupyterHandler.write_error(handler, 404)  # type: ignore[arg-type]
    else:
        handler.set_header("Content-Type", "application/json")
        handler.write({"message": "No such file, directory or kernel", "reason": None})
    RequestHandler.finish(handler)


def answer(  # noqa: PLR0913, PLR0917 - what there is to say
    handler: RequestHandler,
    status: int,
    message: str,
    reason: str | None,
    decision: str = "",
    question: Question | None = None,
) -> None:
    """Answer with a page or with JSON, whichever the client reads.

    Parameters
    ----------
    handler
        Who answers.
    status
        HTTP status.
    message
        For a person.
    reason
        For a program.
    decision
        Id under which the log explains it.
    question
        What was denied, where it was one.
    """
    handler.set_status(status)
    handler.set_header("Cache-Control", "no-store")
    if wants_page(handler):
        handler.set_header("Content-Type", "text/html; charset=UTF-8")
        guard = handler.settings["jupyter_authz_guard"]
        body = guard.denied_page.render(
            handler,
            status=status,
            message=message,
            reason=reason,
            decision=decision,
            question=question,
            log=guard.log,
        )
    else:
        handler.set_header("Content-Type", "application/json")
        body = json.dumps({"message": message, "reason": reason, "decision": decision})
    RequestHandler.finish(handler, body)


def is_upgrade(request: HTTPServerRequest) -> bool:
    """Whether a request is the handshake of a websocket."""
    return bool(request.headers.get("Upgrade", "").lower() == "websocket")


def is_for_programs(handler: RequestHandler) -> bool:
    """Whether a request is for a program: an API, or a websocket.

    Handlers of proxied applications take websockets and pages alike.
    """
    # A door says that it is an instance of what it stands in for.
    if isinstance(handler, WebSocketHandler):
        return is_upgrade(handler.request)
    return isinstance(handler, APIHandler)


def wants_page(handler: RequestHandler) -> bool:
    """Whether the request comes from somebody who looks at pages."""
    if is_for_programs(handler):
        return False
    accepts = handler.request.headers.get("Accept", "")
    return handler.request.method in {"GET", "HEAD"} and "text/html" in accepts


def _is_guest(handler: RequestHandler) -> bool:
    user = getattr(handler, "_jupyter_current_user", None)
    return getattr(user, "kind", None) == GUEST


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""
