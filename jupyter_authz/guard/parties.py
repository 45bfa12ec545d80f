"""The parties that must agree: the policy, the hook; an operator's authorizer is asked as before.

The decision of a whole request. Only True or an allowed decision agrees; an error denies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_authz.errors import HookError
from jupyter_authz.guard import hook as hooks
from jupyter_authz.guard.questions import is_directory
from jupyter_authz.model import Decision, Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from logging import Logger

    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_authz.guard.door import Door
    from jupyter_authz.model import Subject
    from jupyter_authz.policy.engine import Policy

AGREED = Decision(allowed=True, reason="allowed")
ON_THE_WAY = Decision(allowed=True, reason="on-the-way")


async def policy_agrees(
    policy: Policy, subject: Subject, questions: Sequence[Question], door: Door
) -> Decision:
    """Ask the policy every question; the first denial decides.

    Parameters
    ----------
    policy
        Whom to ask.
    subject
        Who asks.
    questions
        Of the request.
    door
        Of the request.

    Returns
    -------
    Decision
        `ON_THE_WAY` where the request is let in only because a directory is on the way to
        something readable: what is not, must not be given.
    """
    agreed = AGREED
    for question in questions:
        is_way = question.scope == "way"
        asked = Question(question.action, question.resource) if is_way else question
        decision = decided(policy, subject, asked)
        # INVARIANT: the way to something readable is a way only through directories.
        # tests/guard/test_lists.py::test_a_file_is_never_on_the_way
        may_be_way = is_way and not decision.allowed and decision.reason != "closed"
        if may_be_way and await is_directory(door, question.resource.path):
            agreed, asked = ON_THE_WAY, question
            decision = policy.decide(subject, question)
        if not decision.allowed:
            return denial(policy, subject, asked, decision)
    return agreed


def denial(policy: Policy, subject: Subject, asked: Question, decision: Decision) -> Decision:
    """Give what is recorded of a question that was denied: which, and by what rules."""
    rules: tuple[str, ...] = ()
    if decision.reason == "denied-by-role":
        matched = policy.explain(subject, asked)
        rules = tuple(str(rule) for rule in matched if rule.effect == "deny")
    return Decision(allowed=False, reason=decision.reason, question=asked, rules=rules)


def decided(policy: Policy, subject: Subject, question: Question) -> Decision:
    """Decide about one question, and be content with what is enough."""
    decision = policy.decide(subject, question)
    if decision.allowed:
        return decision
    resource, scope = question.resource, question.scope
    for action, kind in question.enough:
        # INVARIANT: what another type lets one see of this one a deny of this one takes away.
        # tests/guard/test_cells.py::test_a_deny_of_channels_beats_saved_cells
        if kind != resource.type and policy.denies(subject, Question("read", resource, scope)):
            continue
        if policy.decide(subject, Question(action, resource._replace(type=kind), scope)):
            return AGREED
    # INVARIANT: and what it lets one do of it, which is no more than to write.
    # tests/guard/test_dashboards.py::test_a_deny_beats_the_dashboard
    instead = question.instead
    if instead is None or policy.denies(subject, Question("write", resource, scope)):
        return decision
    return AGREED if policy.decide(subject, instead) else decision


async def hook_agrees(
    handler: JupyterHandler,
    user: Any,
    questions: Sequence[Question],
    log: Logger,
    settle: Callable[[Any], Awaitable[Any]],
) -> Decision:
    """Ask the hook every question, the verb question first.

    Parameters
    ----------
    handler
        Whose `user_is_authorized` has been replaced.
    user
        Jupyter's user.
    questions
        Of the request.
    log
        Told which hook raised, or gave no answer.
    settle
        Gives a value, waiting for it where it has to be waited for.
    """
    hook: Any = handler.user_is_authorized  # type: ignore[attr-defined]
    takes_resource = hooks.takes_resource(hook)
    asked = set()
    for question in questions:
        labels = (question.action, question.resource.type)
        if labels in asked:
            continue
        asked.add(labels)
        try:
            answer = hook(user, *labels) if takes_resource else hook(user, question.action)
            answer = await settle(answer)
        except HTTPError as error:
            # Jupyter's way to say no.
            log.info("%s raised %s for (%r, %r)", hooks.describe(hook), error, *labels)
            answer = False
        except BaseException as error:
            # INVARIANT: nothing it raises ends the server, or the request without an answer.
            # tests/guard/test_hook.py::test_a_hook_that_raises_denies
            raise HookError(f"{hooks.describe(hook)} raised {type(error).__name__}") from error
        # INVARIANT: only True agrees; None, a coroutine and other truthy values do not.
        # tests/guard/test_hook.py::test_only_true_agrees
        if answer is not True:
            if answer is not False:
                log.warning(
                    "%s returned %r for (%r, %r): expected True or False, so it was denied",
                    hooks.describe(hook),
                    answer,
                    *labels,
                )
            return Decision(
                allowed=False, reason="hook", question=question, rules=(hooks.describe(hook),)
            )
    return AGREED
