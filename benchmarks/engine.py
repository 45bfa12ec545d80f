"""How fast the engine decides, beside what else could be used, on the same policies and questions.

    python benchmarks/engine.py [--quick]

One run measures everything and prints one table at its end, with the ratios; absolute times differ
from machine to machine. Every question that an engine is asked is compared with the others'
answers; the exit status is 1 if any differ. Slow engines are asked fewer questions where there are
many rules, and the table says how many.

The policies are random: a rule allows (nine in ten) or denies one user read or write below a
prefix, on the files of a directory whose names match a glob, or at `**` in the middle. All engines
can express exactly that; Cedar's `like`, whose `*` also spans slashes, is given the path's segments
one by one where that would matter.
"""

# ruff: noqa: PLR2004 - chances and sizes say what they are where they stand
from __future__ import annotations

import argparse
import gc
import importlib.util
import random
import re
import sys
import time
import tracemalloc
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_roles
from jupyter_authz.resources.types import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (10, 100, 1_000, 10_000, 100_000)
QUICK_SIZES = (10, 100, 1_000)
QUESTIONS = 2_000
# How long an engine may take for its questions, in seconds.
PATIENCE = 20.0
PACKAGES = {"cedarpy": "Cedar (cedarpy)", "casbin": "pycasbin"}


@dataclass(frozen=True)
class Rule:
    """One rule, as every engine understands it."""

    user: str
    action: str
    pattern: str
    effect: str


@dataclass(frozen=True)
class Asked:
    """One question."""

    user: str
    action: str
    path: str


@dataclass
class Measured:
    """What one engine did with one policy; seconds, and bytes a rule where they are known."""

    decision: float
    load: float
    asked: int
    memory: float | None
    answers: list[bool] = field(repr=False)


def make_rules(number: int, chance: random.Random) -> list[Rule]:
    """Make random rules, for a tenth to a hundredth as many users."""
    users = max(2, min(number // 10, 1_000))
    # Where rules are many, directories are; about half the rules share a parent with another.
    names = max(4, round(number**0.3))

    def directory() -> str:
        return "/".join(f"d{chance.randrange(names)}" for _ in range(chance.randint(2, 5)))

    rules = []
    for _ in range(number):
        kind, path = chance.random(), directory()
        if kind < 0.75:
            pattern = f"{path}/**"
        elif kind < 0.9:
            pattern = f"{path}/{chance.choice(['*.csv', 'data-*', 'x*.py', 'note-?-*.md'])}"
        else:
            head, _, last = path.rpartition("/")
            pattern = f"{head}/**/{last}/**"
        user, action = f"u{chance.randrange(users)}", chance.choice(["read", "write"])
        rules.append(Rule(user, action, pattern, "deny" if chance.random() < 0.1 else "allow"))
    return rules


def make_questions(
    rules: list[Rule], policy: Policy, chance: random.Random, number: int
) -> list[Asked]:
    """Make random questions near the rules, half of which are allowed."""
    files = {"*.csv": "a.csv", "data-*": "data-1", "x*.py": "xy.py", "note-?-*.md": "note-1-b.md"}
    users = sorted({rule.user for rule in rules})
    found: dict[bool, list[Asked]] = {True: [], False: []}
    seen = set()
    for _ in range(number * 200):
        rule = chance.choice(rules)
        head, _, last = rule.pattern.rpartition("/")
        inside = chance.choice(["", "/f.py", "/e/f.py", "/e/d1/f.py"])
        path = head + inside if last == "**" else f"{head}/{files[last]}"
        path = path.replace("/**/", chance.choice(["/", "/d2/", "/e/d3/"]))
        user = rule.user if chance.random() < 0.7 else chance.choice(users)
        action = rule.action if chance.random() < 0.9 else chance.choice(["read", "write"])
        # A sibling whose name goes on where the rule's ends.
        asked = Asked(user, action, f"{path}2" if chance.random() < 0.1 else path)
        allowed = policy.decide(Subject(user), as_question(asked)).allowed
        if len(found[allowed]) < number // 2 and (asked not in seen or len(rules) < 1_000):
            seen.add(asked)
            found[allowed].append(asked)
        if sum(map(len, found.values())) >= number // 2 * 2:
            break
    questions = found[True] + found[False]
    chance.shuffle(questions)
    return questions


def as_question(asked: Asked) -> Question:
    """Give a question as the engine is asked it."""
    return Question(asked.action, Resource("contents", path=asked.path))  # type: ignore[arg-type]


# Each engine is loaded with rules, and gives what decides and in what form it wants its questions.
Loaded = tuple["Callable[[Any], Any]", "Callable[[Asked], Any]"]


def load_engine(roles: list[dict[str, Any]], grammar: Grammar) -> Loaded:
    """Load this package's engine, from dicts of strings as in a configuration file."""
    policy = Policy(read_roles(roles, grammar))

    def prepared(asked: Asked) -> tuple[Subject, Question]:
        return Subject(asked.user), as_question(asked)

    return lambda ready: policy.decide(*ready).allowed, prepared


def as_roles(rules: list[Rule]) -> list[dict[str, Any]]:
    """Give rules as an operator writes them, one role for each user."""
    roles: dict[str, dict[str, Any]] = {}
    for rule in rules:
        role = roles.setdefault(rule.user, {"name": rule.user, "users": [rule.user]})
        role.setdefault(rule.effect, []).append(f"{rule.action}:contents!path={rule.pattern}")
    return list(roles.values())


@cache
def regex_of(pattern: str) -> re.Pattern[str]:
    """Translate a pattern to a regular expression for the path with a slash at its end."""
    text = ""
    for segment in pattern.split("/"):
        if segment == "**":
            text += "(?:[^/]*/)*"
        else:
            wild = {"*": "[^/]*", "?": "[^/]"}
            text += "".join(wild.get(c) or re.escape(c) for c in segment) + "/"
    return re.compile(text)


def load_naive(rules: list[Rule]) -> Loaded:
    """Load a naive scan: every rule is tried, parsed beforehand."""
    parsed = [(r.user, r.action, regex_of(r.pattern), r.effect == "allow") for r in rules]

    def decide(asked: Asked) -> bool:
        path, allowed = f"{asked.path}/", False
        for user, action, regex, allows in parsed:
            if user == asked.user and action == asked.action and regex.fullmatch(path):
                if not allows:
                    return False
                allowed = True
        return allowed

    return decide, lambda asked: asked


def load_cedar(rules: list[Rule]) -> Loaded:
    """Load Cedar, policies and entities parsed beforehand."""
    import cedarpy  # noqa: PLC0415 - may not be installed

    policies = cedarpy.PolicySet.from_str("\n".join(map(as_cedar, rules)))
    entities = cedarpy.Entities.from_json_str("[]")

    def decide(request: dict[str, Any]) -> bool:
        return bool(cedarpy.is_authorized(request, policies, entities).allowed)

    def prepared(asked: Asked) -> dict[str, Any]:
        segments = asked.path.split("/")
        context: dict[str, Any] = {"path": f"{asked.path}/", "depth": len(segments)}
        # Policies look at the depth first, so that none asks for a segment that is not there.
        context |= {f"s{i}": segment for i, segment in enumerate(segments)}
        return {
            "principal": f'User::"{asked.user}"',
            "action": f'Action::"{asked.action}"',
            "resource": 'Type::"contents"',
            "context": context,
        }

    return decide, prepared


def as_cedar(rule: Rule) -> str:
    """Give a rule as a Cedar policy."""
    effect = "permit" if rule.effect == "allow" else "forbid"
    scope = f'principal == User::"{rule.user}", action == Action::"{rule.action}", resource'
    head, _, last = rule.pattern.rpartition("/")
    if "/**/" in head:
        before, _, after = head.partition("/**/")
        texts = (f"{before}/{after}/*", f"{before}/*/{after}/*")
        condition = " || ".join(f'context.path like "{text}"' for text in texts)
    elif last == "**":
        condition = f'context.path like "{head}/*"'
    else:
        # `like` has no `?`: one character and any number is a `*` that must not be empty.
        segments = rule.pattern.split("/")
        texts = [f'context.s{i} == "{s}"' for i, s in enumerate(segments[:-1])]
        texts.append(f'context.s{len(segments) - 1} like "{last.replace("?", "*")}"')
        condition = " && ".join([f"context.depth == {len(segments)}", *texts])
    return f"{effect} ({scope}) when {{ {condition} }};"


CASBIN_MODEL = """
[request_definition]
r = sub, act, path
[policy_definition]
p = sub, act, pattern, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.sub == p.sub && r.act == p.act && covers(r.path, p.pattern)
"""


def load_casbin(rules: list[Rule], *, fast: bool) -> Loaded:
    """Load pycasbin; its fast enforcer looks rules up by user and action, and scans those."""
    import casbin  # noqa: PLC0415 - may not be installed
    from casbin.model import FastModel, Model  # noqa: PLC0415 - the same
    from casbin.persist import Adapter, load_policy_line  # noqa: PLC0415 - the same

    class Rules(Adapter):  # type: ignore[misc]
        def load_policy(self, model: Any) -> None:
            for rule in rules:
                line = f"p, {rule.user}, {rule.action}, {rule.pattern}, {rule.effect}"
                load_policy_line(line, model)

    order = (0, 1)
    model = FastModel(order) if fast else Model()
    model.load_model_from_text(CASBIN_MODEL)
    enforcer = (
        casbin.FastEnforcer(model, Rules(), cache_key_order=order)
        if fast
        else casbin.Enforcer(model, Rules())
    )
    enforcer.add_function("covers", lambda path, pattern: bool(regex_of(pattern).fullmatch(path)))
    return (
        lambda ready: enforcer.enforce(*ready),
        lambda asked: (asked.user, asked.action, f"{asked.path}/"),
    )


def resident() -> int | None:
    """Give the process's memory in bytes, where the system tells."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096
    except OSError:
        return None


def measure(
    load: Callable[[], Loaded], questions: list[Asked], rules: int, *, traced: bool
) -> Measured:
    """Load an engine, ask it as many of the questions as patience allows, and weigh it."""
    gc.collect()
    before, start = resident(), time.perf_counter()
    decide, prepared = load()
    loading = time.perf_counter() - start
    after = resident()
    ready = [prepared(asked) for asked in questions]
    # The first question may resolve things; then one tells how many there is time for.
    answers = [bool(decide(ready[0]))]
    start = time.perf_counter()
    decide(ready[0])
    one = time.perf_counter() - start
    count = max(1, min(len(ready), int(PATIENCE / 3 / max(one, 1e-7))))
    answers = [bool(decide(request)) for request in ready[:count]]
    best = min(_timed(decide, ready[:count]) for _ in range(2 if one > 1e-4 else 7)) / count
    memory = None
    if traced:
        del decide, prepared, ready
        gc.collect()
        tracemalloc.start()
        kept = load()
        memory = tracemalloc.get_traced_memory()[0] / rules
        tracemalloc.stop()
        del kept
    elif before is not None and after is not None:
        memory = (after - before) / rules
    return Measured(best, loading, count, memory, answers)


def _timed(decide: Callable[[Any], Any], ready: list[Any]) -> float:
    start = time.perf_counter()
    for request in ready:
        decide(request)
    return time.perf_counter() - start


def measure_engine_and_dict(rules: list[Rule], questions: list[Asked]) -> tuple[Measured, Measured]:
    """Measure this package's engine and a bare dict hit, turn by turn, called the same way.

    The dict has an entry for each rule besides the answers: its size is that of the policy, as the
    engine's is, so that neither finds everything in the processor's cache.
    """
    roles = as_roles(rules)
    start = time.perf_counter()
    policy = Policy(read_roles(roles, Grammar(TYPES)))
    loading = time.perf_counter() - start
    ready = [(Subject(asked.user), as_question(asked)) for asked in questions]
    decide = policy.decide
    answers = [decide(subject, question).allowed for subject, question in ready]
    known = {
        (rule.user, rule.action, rule.pattern.removesuffix("/**")): rule.effect == "allow"
        for rule in rules
    }
    known |= {
        (subject.username, question.action, question.resource.path): answer
        for (subject, question), answer in zip(ready, answers, strict=True)
    }
    times, hits = [], []
    for _ in range(15):
        start = time.perf_counter()
        for subject, question in ready:
            decide(subject, question)
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
        for subject, question in ready:
            known[subject.username, question.action, question.resource.path]
        hits.append(time.perf_counter() - start)
    del policy, decide
    gc.collect()
    tracemalloc.start()
    kept = Policy(read_roles(roles, Grammar(TYPES)))
    memory = tracemalloc.get_traced_memory()[0] / len(rules)
    tracemalloc.stop()
    del kept
    count = len(ready)
    return (
        Measured(min(times) / count, loading, count, memory, answers),
        Measured(min(hits) / count, 0.0, count, None, answers),
    )


def progress(text: str) -> None:
    """Say on a terminal what is going on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


OURS, HIT, NAIVE = "jupyter_authz", "bare dict hit", "naive scan"


def run(size: int, questions: int, installed: set[str]) -> dict[str, Measured]:
    """Measure every engine on one random policy."""
    chance = random.Random(size)
    rules = make_rules(size, chance)
    roles = as_roles(rules)
    asked = make_questions(rules, Policy(read_roles(roles, Grammar(TYPES))), chance, questions)
    progress(f"{size:,} rules: {OURS}")
    found = dict(zip((OURS, HIT), measure_engine_and_dict(rules, asked), strict=True))
    others: dict[str, tuple[Callable[[], Loaded], bool]] = {
        NAIVE: (lambda: load_naive(rules), True)
    }
    if "cedarpy" in installed:
        others["Cedar (cedarpy)"] = (lambda: load_cedar(rules), False)
    if "casbin" in installed:
        others["pycasbin, fast"] = (lambda: load_casbin(rules, fast=True), True)
        others["pycasbin"] = (lambda: load_casbin(rules, fast=False), True)
    for name, (load, traced) in others.items():
        progress(f"{size:,} rules: {name}")
        regex_of.cache_clear()
        found[name] = measure(load, asked, size, traced=traced)
    progress("")
    return found


def differences(found: dict[int, dict[str, Measured]]) -> list[str]:
    """Give a line for every engine that answered something else than this package's."""
    lines = []
    for size, engines in found.items():
        for name, measured in engines.items():
            # Engines are asked the questions in one order, some of them fewer.
            pairs = zip(measured.answers, engines[OURS].answers, strict=False)
            wrong = sum(one is not other for one, other in pairs)
            if wrong:
                lines.append(f"{name} disagrees on {wrong} of {measured.asked} at {size:,} rules")
    return lines


def table(found: dict[int, dict[str, Measured]]) -> str:
    """Give everything that was measured as one text."""
    sizes, names = list(found), list(found[max(found)])

    def rows(title: str, cell: Callable[[int, str], str], skip: tuple[str, ...] = ()) -> list[str]:
        head = f"{title:<42}" + "".join(f"{size:>12,}" for size in sizes)
        lines = [
            f"  {name:<40}" + "".join(f"{cell(size, name):>12}" for size in sizes)
            for name in names
            if name not in skip
        ]
        return [head, *lines, ""]

    def memory(size: int, name: str) -> str:
        value = found[size][name].memory
        return "-" if value is None or value < 0 else f"{value:,.0f}"

    lines = ["Rules" + " " * 37 + "".join(f"{size:>12,}" for size in sizes), ""]
    lines += rows("Microseconds a decision", lambda s, n: f"{found[s][n].decision * 1e6:,.2f}")
    lines += rows(
        "Times a bare dict hit",
        lambda s, n: f"{found[s][n].decision / found[s][HIT].decision:,.1f}",
        (HIT,),
    )
    lines += rows(
        "Times jupyter_authz",
        lambda s, n: f"{found[s][n].decision / found[s][OURS].decision:,.1f}",
        (OURS,),
    )
    lines += rows("Seconds to load", lambda s, n: f"{found[s][n].load:,.3f}", (HIT,))
    lines += rows("Bytes a rule (Cedar: of the process)", memory, (HIT,))
    lines += rows("Questions asked", lambda s, n: f"{found[s][n].asked:,}")
    allowed = [sum(e[OURS].answers) / len(e[OURS].answers) for e in found.values()]
    lines.append("Allowed" + " " * 35 + "".join(f"{share:>12.0%}" for share in allowed))
    small = 1_000 if 1_000 in found and len(found) > len(QUICK_SIZES) else sizes[0]
    large = sizes[-1]
    # A machine is not equally fast all the time; a dict hit was measured turn by turn with ours.
    lines += ["", f"Growth from {small:,} to {large:,} rules: in seconds, in bare dict hits"]
    drift = found[large][HIT].decision / found[small][HIT].decision
    for name in names:
        growth = found[large][name].decision / found[small][name].decision
        lines.append(f"  {name:<40}{growth:>12.1f}{growth / drift:>12.1f}")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, and compare all answers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rules, few questions")
    quick = parser.parse_args().quick
    installed = {name for name in PACKAGES if importlib.util.find_spec(name) is not None}
    for name in sorted(PACKAGES.keys() - installed):
        print(f"{name} is not installed, so {PACKAGES[name]} is missing from the table;")
        print("pip install 'jupyter_authz[benchmark]' installs it")
    found = {
        size: run(size, 100 if quick else QUESTIONS, installed)
        for size in (QUICK_SIZES if quick else SIZES)
    }
    wrong = differences(found)
    print(table(found))
    print()
    print("\n".join(wrong) or "All engines agree on every question that they were asked.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
