"""The page for those who are not let in: from the operator's template, or else from this package's.

Beside `guard.answers`, which answers with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    TemplateError,
    TemplateNotFound,
    nodes,
)
from jinja2.meta import find_referenced_templates
from jupyter_server.utils import url_path_join

from jupyter_authz.errors import ConfigurationError
from jupyter_authz.identity.stored import SERVICE
from jupyter_authz.model import OF_THE_SERVER, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from logging import Logger

    from jinja2 import Template
    from tornado.web import RequestHandler

    from jupyter_authz.model import Question

_TRAIT = "c.JupyterAuthz.denied_template"
_OWN = PackageLoader("jupyter_authz", "templates")
_DEFAULT = Environment(loader=_OWN, autoescape=True).get_template("authz/denied.html")
_TITLE = "Not allowed"


class DeniedPage:
    """Shows to a person that they were not let in, why, and where to go from there.

    Parameters
    ----------
    template
        Of whoever runs the server; None is this package's.
    ask_for_access
        Where people ask for access: an address of a page or of a mailbox.
    """

    def __init__(self, template: Template | None = None, ask_for_access: str = "") -> None:
        self._template = template
        self._ask_for_access = ask_for_access

    def render(  # noqa: PLR0913 - by name
        self,
        handler: RequestHandler,
        *,
        status: int,
        message: str,
        reason: str | None,
        decision: str,
        question: Question | None,
        log: Logger,
    ) -> str:
        """Give the page.

        Parameters
        ----------
        handler
            Who answers.
        status
            HTTP status.
        message
            A sentence for a person.
        reason
            One word for programs.
        decision
            Id under which the log explains it; empty where nothing was decided.
        question
            What was denied, where it was one.
        log
            Told where the operator's template fails.
        """
        shown = _shown(handler, question)
        shown |= {
            "status": status,
            "title": _TITLE,
            "error_type": reason or "refused",
            "error": _TITLE,
            "error_msg": message,
            "message": message,
            "decision": decision,
            "ask_for_access": _below(shown["base_url"], self._ask_for_access),
            # Followed from our own page, the same link is no longer another site's.
            "continue_to": _here(handler) if reason == "cross-site" else None,
        }
        if self._template is not None:
            try:
                return self._template.render(shown)
            except Exception:
                # INVARIANT: tests/guard/test_denied.py::test_a_template_that_fails
                log.exception("jupyter_authz | %s: cannot be shown", _TRAIT)
        return _DEFAULT.render(shown)


def read_template(path: str) -> Template | None:
    """Read the template that was configured.

    Parameters
    ----------
    path
        Of a Jinja2 file; nothing is none. It may extend ``authz/base.html`` or
        ``authz/denied.html``, and include what is beside it, by names that are written out.

    Raises
    ------
    ConfigurationError
        There is no such file, or it is no template.
    """
    if not path:
        return None
    # INVARIANT: what it is made of is known, so that it belongs to the server.
    # tests/guard/test_closed.py::test_what_a_template_is_made_of
    file, environment = _opened(path)
    for _ in _made_of(environment, file):
        # Each of them is read, and what is wrong with it told.
        pass
    return environment.get_template(file.name)


def template_files(path: str) -> tuple[str, ...]:
    """Give the files that a template is made of, whether they are there or not.

    Parameters
    ----------
    path
        As of `read_template`.

    Raises
    ------
    ConfigurationError
        As `read_template`.
    """
    if not path:
        return ()
    file, environment = _opened(path)
    return tuple(str(file.parent / name) for name in _made_of(environment, file))


def _opened(path: str) -> tuple[Path, Environment]:
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise ConfigurationError(
            f"{_TRAIT}: expected the path of a Jinja2 file, got {path!r}: there is no file {file}"
        )
    # INVARIANT: nothing beside it takes the place of what is ours.
    # tests/guard/test_denied.py::test_what_is_ours_stays_ours
    loader = ChoiceLoader([_OWN, FileSystemLoader(file.parent)])
    return file, Environment(loader=loader, autoescape=True)


def _made_of(environment: Environment, file: Path) -> Iterator[str]:
    """Give the names of a template and of all that it extends, includes and imports, but ours."""
    ours = set(_OWN.list_templates())
    waiting, seen = [file.name], {file.name, *ours}
    assert environment.loader is not None
    while waiting:
        name = waiting.pop()
        yield name
        where = file.parent / name
        try:
            source, _, _ = environment.loader.get_source(environment, name)
            parsed = environment.parse(source)
            found = list(find_referenced_templates(parsed))
        except TemplateNotFound:
            # That it may be left out has been seen where it is mentioned.
            continue
        except (TemplateError, UnicodeDecodeError) as error:
            line = getattr(error, "lineno", None)
            place = f"{where}, line {line}" if line else str(where)
            raise ConfigurationError(
                f"{_TRAIT}: {place}: {error}: expected a Jinja2 template"
            ) from error
        if None in found:
            raise ConfigurationError(
                f"{_TRAIT}: {where}: expected the names of what it extends, includes or imports "
                "written out, not worked out"
            )
        for needed in _needed(parsed):
            if not (needed in ours or (file.parent / needed).is_file()):
                raise ConfigurationError(f"{_TRAIT}: {where}: there is no {needed!r} beside it")
        new = {one for one in found if one is not None} - seen
        seen |= new
        waiting += sorted(new)


def _needed(parsed: nodes.Template) -> Iterator[str]:
    """Give the names of templates that must be there."""
    for node in parsed.find_all((nodes.Extends, nodes.Import, nodes.FromImport, nodes.Include)):
        name = getattr(node, "template", None)
        is_needed = not getattr(node, "ignore_missing", False)
        if is_needed and isinstance(name, nodes.Const) and isinstance(name.value, str):
            yield name.value


def _shown(handler: RequestHandler, question: Question | None) -> dict[str, Any]:
    """Give what is known of who was denied what, and where they may go."""
    base_url = handler.settings["base_url"]
    provider = handler.settings.get("identity_provider")
    user = getattr(handler, "_jupyter_current_user", None)
    can_sign_out = user is not None and getattr(provider, "logout_available", False)
    has_account = user is not None and SERVICE in handler.settings and provider is not None
    resource = None if question is None else question.resource
    paths = None if resource is None else values_of(resource.path) or values_of(resource.url)
    return {
        "user": getattr(user, "display_name", None) or getattr(user, "username", None),
        "action": question.action if question is not None else None,
        "resource": None if resource is None else resource.type,
        # Its own, and not where it leads.
        "path": paths[0] if paths and paths[0] != OF_THE_SERVER else None,
        "base_url": base_url,
        "home": None if _is_first_page(handler) else base_url,
        "logo": url_path_join(base_url, "static", "logo/logo.png"),
        "icon": url_path_join(base_url, "static", "favicon.ico"),
        "account": url_path_join(base_url, "authz", "profile") if has_account else None,
        "sign_out": url_path_join(base_url, "logout") if can_sign_out else None,
    }


def _is_first_page(handler: RequestHandler) -> bool:
    """Whether somebody was not let in where they would be led to again."""
    settings = handler.settings
    first = {settings["base_url"], settings.get("default_url")}
    return handler.request.path in first


def _below(base_url: str, address: str) -> str:
    """Give an address that is written as one below the base URL."""
    return f"{base_url.rstrip('/')}{address}" if address.startswith("/") else address


def _here(handler: RequestHandler) -> str:
    """Give the address that was asked for, on this server: `//host` would be another's."""
    return "/" + (handler.request.uri or "").lstrip("/\\")
