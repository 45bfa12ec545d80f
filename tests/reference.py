"""The specification in code: a naive decision, written from section 4 of the design alone.

It shares nothing with the engine but the values that are asked about: roles are the dicts that an
operator writes, and every rule is tried, one after the other. Tests hold the engine against it.
"""

# ruff: noqa: PLR0913, PLR0917 - a specification says what it depends on
from __future__ import annotations

import re
from itertools import product

ATTRIBUTES = ("path", "url", "owner", "name")
ACTIONS = ["read", "write", "execute"]
COMPUTE = ["kernels", "sessions", "channels", "terminals", "cells"]
STANDS_FOR = {"compute": COMPUTE, "contents": ["contents", "checkpoints", "nbconvert"]}


def decide(roles, memberships, types, subject, question, fold=None):
    """Whether a subject may: some rule allows it and none denies it."""
    name = subject.username
    if name in {"", ".", ".."} or "/" in name or "\0" in name or question.action not in ACTIONS:
        return False
    groups = {*subject.groups, *(g for g, users in memberships.items() if name in users)}
    matching = {"allow": False, "deny": False}
    for role in roles:
        anchored = [
            (g, a) for g in groups for a in role.get("groups", ()) if f"{g}/".startswith(f"{a}/")
        ]
        if anchored or {"*", name} & set(role.get("users", ())):
            for effect, found in matching.items():
                rules = role.get(effect, ())
                matching[effect] = found or any(
                    _rule_matches(rule, effect, anchored, types, name, question, fold)
                    for rule in rules
                )
    return matching["allow"] and not matching["deny"]


def _rule_matches(rule, effect, anchored, types, username, question, fold):
    """Whether a rule matches, for one way to understand its placeholders."""
    head, _, tail = rule.partition("!")
    filters = dict(part.split("=", 1) for part in tail.split("&")) if tail else {}
    resource = question.resource
    if not _covers(head, filters, types, question.action, resource.type, effect):
        return False
    ways = anchored if "group}" in tail else [("", "")]
    if "{subgroup}" in tail:
        ways = [(group, anchor) for group, anchor in ways if group != anchor]
    if question.scope == "any":
        return bool(ways) and (effect == "allow" or not filters)
    if (
        effect == "deny"
        and resource.whole
        and "path" in filters
        and resource.path not in (None, ())
    ):
        # What lies below a directory may have any owner and any name.
        filters = {"path": filters["path"]}
    for group, anchor in ways:
        words = {"{username}": username, "{group}": group, "{subgroup}": group[len(anchor) + 1 :]}
        if all(
            _filter(a, p, words, effect, question, len(filters), fold) for a, p in filters.items()
        ):
            return True
    return False


def _covers(head, filters, types, action, kind, effect):
    """Whether the part of a rule before the filters covers an action on a type of resource."""
    if head == "*" and not filters:
        return True
    actions, _, named = head.partition(":")
    actions = ACTIONS if actions == "*" else actions.split(",")
    step = ACTIONS.index(action)
    if kind in COMPUTE:
        counting = ACTIONS[step:] if effect == "allow" else ACTIONS[: step + 1]
    else:
        counting = [action]
    if not set(actions) & set(counting):
        return False
    if named not in {"", "*"}:
        return kind in [t for n in named.split(",") for t in STANDS_FOR.get(n, [n])]
    if kind == "authz" or kind.startswith("ext."):
        return False
    return set(filters) <= set(types.get(kind, ()))


def _filter(attribute, pattern, words, effect, question, count, fold):
    """Whether one filter matches all values (allow), or any value or an unknown one (deny)."""
    values = getattr(question.resource, attribute)
    values = (values,) if isinstance(values, str) else values
    if not values:
        return effect == "deny"
    changes = [str.lower] if attribute == "name" else [str]
    if attribute == "path" and effect == "deny" and fold:
        changes.append(fold)
    mode = "match"
    if attribute == "path" and question.resource.whole:
        mode = "cover" if effect == "allow" else "reach"
    elif (
        attribute == "path" and question.scope == "way" and isinstance(question.resource.path, str)
    ):
        mode = "cover" if effect == "deny" else "reach" if count == 1 else "match"
    matched = (
        any(
            _matches(list(_elements(pattern, words, change)), _split(other(value)), mode)
            for change, other in product(changes, changes)
        )
        for value in values
    )
    return all(matched) if effect == "allow" else any(matched)


def _split(text):
    return text.split("/") if text else []


def _elements(pattern, words, change):
    """Give a pattern's segments as `**` or regular expressions, placeholders filled in."""
    for part in _split(pattern.strip("/")):
        if part in words:
            yield from (re.escape(change(word)) for word in words[part].split("/"))
        elif part == "**":
            yield part
        else:
            wild = {"*": ".*", "?": "."}
            pieces = re.findall(r"%..|[*?]|[^%*?]+", part)
            texts = (bytes.fromhex(p[1:]).decode() if p[0] == "%" else p for p in pieces)
            yield "".join(
                wild.get(p) or re.escape(change(t)) for p, t in zip(pieces, texts, strict=True)
            )


def _matches(elements, segments, mode):
    """Whether a pattern matches a path; covers all below it; or reaches it or something below."""
    if mode == "cover":
        return elements[-1:] == ["**"] and _matches(elements, segments, "match")
    if mode == "reach" and not segments:
        return True
    if not elements:
        return not segments
    if elements[0] == "**":
        return any(_matches(elements[1:], segments[i:], mode) for i in range(len(segments) + 1))
    if not segments or not re.fullmatch(elements[0], segments[0], re.DOTALL):
        return False
    return _matches(elements[1:], segments[1:], mode)
