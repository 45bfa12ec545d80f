"""What very many people in a store cost: reading them, following a change, and deciding.

    python benchmarks/people.py [--quick]

One run fills a SQLite store, reads it as a server does when it starts, changes one membership and
follows it, and decides for people whom the store knows and for people of a small one; what matters
are the ratios, since absolute times differ from machine to machine.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from jupyter_authz.accounts import snapshot, tags
from jupyter_authz.accounts.schema import MEMBERSHIPS, USERS
from jupyter_authz.accounts.store import Store, in_pieces
from jupyter_authz.model import Question, Resource, Subject
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_roles
from jupyter_authz.resources.types import TYPES

QUESTIONS = 20_000
ROUNDS = 7
ROLES = [
    {
        "name": "team",
        "groups": ["team"],
        "allow": ["read,write:contents!path={group}/**", "execute:compute!path={group}/**"],
        "deny": ["write:contents!path={group}/archive/**"],
    },
    {"name": "all", "users": ["*"], "allow": ["read:contents!path=welcome/**"]},
]


def filled(directory: Path, people: int, groups: int) -> Store:
    """Make a store of people, each in two of the groups."""
    store = Store(f"sqlite:///{(directory / f'{people}.db').as_posix()}")
    store.open()
    names = [f"person{number}" for number in range(people)]
    teams = [f"team/{number % 100}/{number}" for number in range(groups)]
    with store.writing() as writing:
        tags.make(writing, sorted({*teams, *(t.rpartition("/")[0] for t in teams), "team"}))
        users = [
            {
                "username": name,
                "username_key": name,
                "name": name.title(),
                "state": "active",
                "is_verified": 1,
                "created": writing.now,
            }
            for name in names
        ]
        chosen = random.Random(1)
        memberships = [
            {"username": name, "tag_set": tags.MEMBERS, "group_name": team}
            for name in names
            for team in chosen.sample(teams, min(2, groups))
        ]
        for table, rows in ((USERS, users), (MEMBERSHIPS, memberships)):
            for piece in in_pieces(rows, 5_000):
                writing.connection.execute(insert(table), list(piece))
    return store


def decision_times(policy: Policy, people: int) -> float:
    """Give the median of the seconds that a decision takes, for people who come back."""
    chosen = random.Random(2)
    subjects = [Subject(f"person{chosen.randrange(people)}") for _ in range(200)]
    places = ["welcome/a.txt", "team/1/1/a.txt", "team/2/102/archive/b.txt", "other/c.txt"]
    asked = [
        (
            chosen.choice(subjects),
            Question(
                chosen.choice(["read", "write"]), Resource("contents", path=chosen.choice(places))
            ),
        )
        for _ in range(QUESTIONS)
    ]
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for subject, question in asked:
            policy.decide(subject, question)
        times.append((time.perf_counter() - began) / QUESTIONS)
    return statistics.median(times)


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the people")
    sizes = (10_000, 1_000) if parser.parse_args().quick else (100_000, 10_000)
    policy = Policy(read_roles(ROLES, Grammar(TYPES)))
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for people, groups in ((100, 10), sizes):
            store = filled(Path(name), people, groups)
            began = time.perf_counter()
            read = snapshot.read(store)
            reading = time.perf_counter() - began
            tags.Tags(store).add("person0", "team/another")
            began = time.perf_counter()
            again = snapshot.read_again(store, read)
            following = time.perf_counter() - began
            assert "team/another" in again.people["person0"].groups
            began = time.perf_counter()
            compiled = policy.with_people(snapshot.GrantedPeople(again, time.time()))
            adopting = time.perf_counter() - began
            deciding = decision_times(compiled, people)
            found[people] = (reading, following, adopting, deciding)
            store.close()
    small, large = found.values()
    print(f"{'':34}{'100 people':>14}{f'{sizes[0]:,} people':>18}{'ratio':>9}")
    for what, one, other, unit, factor in (
        ("reading the store", small[0], large[0], "s", 1),
        ("following one change", small[1], large[1], "ms", 1e3),
        ("having it count in the policy", small[2], large[2], "ms", 1e3),
        ("a decision", small[3], large[3], "us", 1e6),
    ):
        ratio = f"{other / one:>9.2f}" if what == "a decision" else ""
        print(f"{what:34}{one * factor:>11.3f} {unit:<2}{other * factor:>15.3f} {unit:<2}{ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
