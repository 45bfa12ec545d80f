"""The guard: installed on the web application, asked before every handler.

Has the door find out who asks, asks all parties, lets in or answers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from jupyter_authz.guard import answers
from jupyter_authz.guard import hook as hooks
from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.callback import Ways, path_of
from jupyter_authz.guard.connections import Connections
from jupyter_authz.guard.credentials import hide_credentials
from jupyter_authz.guard.crosssite import is_cross_site
from jupyter_authz.guard.denied import DeniedPage
from jupyter_authz.guard.door import Door, door_class
from jupyter_authz.guard.parties import AGREED, hook_agrees, policy_agrees
from jupyter_authz.guard.questions import questions
from jupyter_authz.guard.routes import Routes
from jupyter_authz.guard.way import Way
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import ACTIONS, GUEST, Decision, Question, Resource, values_of
from jupyter_authz.policy.subjects import all_groups
from jupyter_authz.resources.requests import Request
from jupyter_authz.resources.started import dashboard, starter
from jupyter_authz.resources.table import WEBSOCKET
from jupyter_authz.resources.types import COMPUTE, STARTED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from logging import Logger

    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application, RequestHandler

    from jupyter_authz.audit.record import Recorder
    from jupyter_authz.guard.callback import Callback
    from jupyter_authz.guard.routes import Route
    from jupyter_authz.model import Subject
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.policy.people import People
    from jupyter_authz.resources.table import Table

_ROOT = Resource("contents", path="")
# What answers as if it were not there, where `hide_unreadable` says so.
_HIDDEN = {
    "contents",
    "checkpoints",
    "nbconvert",
    "trust_notebook",
    "kernelspecs",
    *COMPUTE,
}

_NO_ROLE = Decision(allowed=False, reason="no-role")
_UNCLASSIFIED = Decision(allowed=False, reason="unclassified")
_ERROR = Decision(allowed=False, reason="error")
_TRANSPARENT = Decision(allowed=True, reason="transparent")


class Guard:
    """Stands before every handler of a web application.

    Parameters
    ----------
    application
        The web application.
    table
        What requests ask.
    recorder
        Records denials.
    log
        For what the operator must know.
    denied_status
        HTTP status of denials.
    hide_unreadable
        Whether what may not be read answers as if it were not there.
    """

    def __init__(  # noqa: PLR0913 - by name
        self,
        application: Application,
        table: Table,
        recorder: Recorder,
        log: Logger,
        *,
        denied_status: int = 403,
        hide_unreadable: bool = False,
    ) -> None:
        self.routes = Routes(application, table)
        self.denied_status = denied_status
        self.hide_unreadable = hide_unreadable
        # None is off; a snapshot that is swapped as a whole.
        self.policy: Policy | None = None
        # Those of a store, where there is one, and the groups of the configuration.
        self.people: People | None = None
        self.memberships: Mapping[str, tuple[str, ...]] = {}
        # Of those who run the server.
        self.callback: Callback | None = None
        self.denied_page = DeniedPage()
        # INVARIANT: until the policy has been read, nobody is let in.
        # tests/guard/test_install.py::test_nobody_is_let_in_before_the_policy_is_read
        self.ready = False
        self.settings: Mapping[str, Any] = application.settings
        self._application = application
        self._recorder = recorder
        self.log = log
        self.connections = Connections(self)
        self.way = Way(self, application)
        self._doors: dict[Route, type[Door]] = {}

    def install(self) -> None:
        """Stand in the way of every request from now on."""
        self.way.install()
        self._application.settings["jupyter_authz_guard"] = self

    @property
    def is_transparent(self) -> bool:
        """Whether nothing is to be asked: no policy, no hook, no callback."""
        return self.ready and self.has_no_party

    @property
    def has_no_party(self) -> bool:
        """Whether there is nobody who could deny anything."""
        return self.policy is None and self.callback is None and hooks.replaced() is None

    def note_connection(self, handler: Any, request: HTTPServerRequest) -> None:
        """Note that a handler has been let in, if it opens a websocket or takes its time."""
        admission = admission_of(handler)
        if admission is None:
            return
        if isinstance(handler, WebSocketHandler) and answers.is_upgrade(request):
            self.connections.add(handler, admission)
        elif not handler._finished:  # noqa: SLF001 - as tornado's own
            self.connections.add_reply(handler, admission)

    def enforce(self, policy: Policy | None) -> None:
        """Put a policy in force, for requests to come and for what is open."""
        if policy is not None and self.people is not None:
            policy = policy.with_people(self.people)
        self.policy = policy
        self.connections.revise_soon()

    def adopt(self, people: People) -> None:
        """Have other people, for requests to come and for what is open."""
        self.people = people
        self.enforce(self.policy)

    def groups_of(self, subject: Subject) -> tuple[str, ...]:
        """Give the groups a subject is directly in, with a policy or without one."""
        return all_groups(subject, self.memberships, self.people)

    def may_act(self, subject: Subject) -> bool:
        """Whether somebody may do anything at all, as far as a store tells."""
        people = self.people
        return people is None or subject.kind == GUEST or people.may_act(subject.username)

    def door(self, route: Route, request: HTTPServerRequest) -> Door:
        """Make what stands in for the handler of a request."""
        made = self._doors.get(route)
        if made is None:
            made = self._doors[route] = door_class(self, route)
        return made(self._application, request)

    # ------------------------------------------------------------------ the decision

    async def decide(self, door: Door, user: Any) -> Decision:
        """Decide about a request, and answer it if it is denied.

        Parameters
        ----------
        door
            Of the request.
        user
            Jupyter's user, as found out.
        """
        subject: Subject | None = None
        try:
            subject = subject_of(user)
            decision = await self._decide(door, user, subject)
        except HTTPError as error:
            if error.status_code < 500:  # noqa: PLR2004 - the client's error
                raise
            self.deny_for_error(door, error, subject)
            return _ERROR
        except Exception as error:  # noqa: BLE001 - whatever it is
            # INVARIANT: an error while deciding denies.
            # tests/guard/test_install.py::test_an_error_while_deciding_denies
            self.deny_for_error(door, error, subject)
            return _ERROR
        if decision.reason == "redirect":
            if not door.has_answered:
                door.start_answer()
                answers.redirect(door, decision.rules[0])
            return decision
        if not decision.allowed:
            self.deny(door, decision, subject)
            return decision
        row = door.authz_route.row
        if row.hides_credentials:
            hide_credentials(door)
        if row.type in STARTED:
            starter.set(subject.username)
        if row.type == "voila":
            shown = values_of(door.authz_asked[0].resource.path)
            # Its own path, before those that it leads to.
            dashboard.set(shown[0] if shown else None)
        return decision

    async def _decide(self, door: Door, user: Any, subject: Subject) -> Decision:
        if not self.ready:
            return _ERROR
        if self.callback is not None:
            # INVARIANT: before anything else is looked at.
            # tests/guard/test_callback.py::test_it_is_asked_about_everything
            agreed = await self.ask_callback(door, user, subject, door.settle)
            if agreed.reason == "redirect" and not answers.wants_page(door):
                name = hooks.describe(self.callback.function)
                rule = f"{name} leads to {agreed.rules[0]!r}, and this is for no page"
                agreed = Decision(allowed=False, reason="callback", rules=(rule,))
            if not agreed.allowed:
                return replace(agreed, question=_verb_question(door))
        return await self._others_agree(door, user, subject)

    async def _others_agree(self, door: Door, user: Any, subject: Subject) -> Decision:
        """Ask the policy and the hook."""
        policy = self.policy
        asks = door.authz_route.row.asked(_verb(door))
        request = Request(door)
        asked = await questions(asks, request, door, resolve=policy is not None)
        door.authz_asked = asked
        if not asked:
            # INVARIANT: who is asked nothing is let in nowhere.
            # tests/guard/test_install.py::test_a_request_that_asks_nothing_is_denied
            return _UNCLASSIFIED
        does = next((question for question in asked if question.action != "read"), None)
        if does is not None and is_cross_site(door):
            return Decision(allowed=False, reason="cross-site", question=does)
        agreed = AGREED
        if policy is not None:
            agreed = await policy_agrees(policy, subject, asked, door)
            deep = [ask for ask in asks if ask.below is not None]
            if agreed.allowed and deep:
                # INVARIANT: nobody has directories looked through that they may not read.
                # tests/resources/test_links.py::test_a_copy_is_decided_about_before_it_is_walked
                found = await questions(deep, request, door, resolve=True, below=True)
                agreed = await policy_agrees(policy, subject, found, door)
            if not agreed.allowed:
                return agreed
        if door.authz_is_hooked:
            decision = await hook_agrees(door, user, asked, self.log, door.settle)
            if not decision.allowed:
                return decision
        return agreed

    async def ask_callback(
        self,
        handler: RequestHandler,
        user: Any,
        subject: Subject,
        settle: Callable[[Any], Awaitable[Any]],
    ) -> Decision:
        """Ask the callback about a request, where there is one."""
        if self.callback is None:
            return AGREED
        base_url = self.settings["base_url"]
        ways = Ways(
            base_url,
            path_of(self.settings.get("default_url") or "/", base_url) or "/",
            partial(self.way.is_public, handler.request),
        )
        return await self.callback.decide(
            path=path_of(handler.request.path, base_url),
            ways=ways,
            user=user,
            subject=subject,
            groups=self.groups_of(subject),
            settle=settle,
            log=self.log,
        )

    def record(self, decision: Decision, subject: Subject | None, what: str) -> Decision:
        """Record a denial; give it with its id.

        Parameters
        ----------
        decision, subject
            What was decided, about whom.
        what
            The request or message.
        """
        return self._recorder.record(decision, subject, what)

    def deny(self, handler: RequestHandler, decision: Decision, subject: Subject | None) -> None:
        """Record a denial and answer with it.

        Parameters
        ----------
        handler
            The door, or the handler where only its reply told that it must not be given.
        decision
            What was decided.
        subject
            Who asked; None where that could not be told.
        """
        request = f"{handler.request.method} {handler.request.path}"
        recorded = self.record(decision, subject, request)
        if isinstance(handler, Door):
            if handler.has_answered:
                # A hook has given its own answer.
                return
            handler.start_answer()
            if subject is not None and self._hides(handler, decision, subject):
                answers.deny_existence(handler)
                return
        elif isinstance(handler, WebSocketHandler) and handler.ws_connection is not None:
            # INVARIANT: what a client goes on sending goes nowhere.
            # tests/guard/test_requirements.py::test_a_client_that_does_not_close
            handler.on_message = answers.nothing  # type: ignore[method-assign]
            handler.close(answers.POLICY_VIOLATION, "You may not do this on this server.")
            return
        answers.deny(handler, self.denied_status, recorded)

    def _hides(self, door: Door, decision: Decision, subject: Subject) -> bool:
        """Whether a denial must not tell that what was asked for exists."""
        question, policy = decision.question, self.policy
        if not self.hide_unreadable or question is None or policy is None:
            return False
        resource = question.resource
        is_put = door.request.method == "PUT" and question.action != "read"
        if resource.type not in _HIDDEN or is_put:
            return False
        if resource == _ROOT:
            # That there are files is no secret, and front ends ask on and on for what has to be.
            return False
        # Of what is started or written anew, nothing is there that could be hidden.
        is_new = question.action != "read" and (
            resource.owner == subject.username or resource.path != door.authz_asked[0].resource.path
        )
        return not is_new and not policy.decide(subject, Question("read", resource))

    def deny_for_error(
        self, door: Door, error: BaseException, subject: Subject | None = None
    ) -> None:
        """Record an error while deciding, and deny."""
        request = f"{door.request.method} {door.request.path}"
        self.log.error("jupyter_authz | an error while deciding about %s", request, exc_info=error)
        self.deny(door, _ERROR, subject)

    # ------------------------------------------------------------------ questions of others

    def decide_label(self, handler: Any, user: Any, action: str, resource: str | None) -> Decision:
        """Decide about a resource type alone: what is unknown matches no allow and every deny.

        Parameters
        ----------
        handler
            Who asks; its own resource type is the default.
        user
            Jupyter's user.
        action, resource
            What is asked; an unknown action is denied.
        """
        if resource is None:
            admission = admission_of(handler)
            resource = admission.route.row.type if admission is not None else ""
        return self._decide_type(user, Question(action, Resource(resource)))  # type: ignore[arg-type]

    def decide_any(self, user: Any, action: str, resource: str) -> Decision:
        """Decide whether at least one possible resource of a type is allowed, for `/api/me`."""
        return self._decide_type(user, Question(action, Resource(resource), "any"))  # type: ignore[arg-type]

    def _decide_type(self, user: Any, question: Question) -> Decision:
        if not self.ready:
            return _ERROR
        if self.policy is None:
            return _TRANSPARENT
        if user is None or question.action not in ACTIONS or not question.resource.type:
            return _NO_ROLE
        return self.policy.decide(subject_of(user), question)


def _verb_question(door: Door) -> Question | None:
    """Give what a request is about, as far as itself tells: to say what is denied."""
    for ask in door.authz_route.row.asked(_verb(door)):
        try:
            resource = ask.resource(Request(door))
        except HTTPError:
            resource = Resource(ask.type)
        return Question(ask.action, resource)
    return None


def _verb(door: Door) -> str:
    """Give the verb of a request; a websocket handshake is not the GET it looks like."""
    route, method = door.authz_route, door.request.method
    if not route.is_websocket or method != "GET":
        return method or ""
    return WEBSOCKET if answers.is_upgrade(door.request) or "GET" not in route.row.asks else method
