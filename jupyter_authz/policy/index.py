"""The index of patterns: a trie over segments that finds every matching rule without scanning.

Part of the engine. One level is one attribute; a permission with two filters goes through two
levels. What stands at the end of a pattern is the set of grants written with it; a grant is the
number of a role together with a scope (which actions on which types).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from jupyter_authz.policy.globs import GlobIndex
from jupyter_authz.policy.patterns import MATCH, REACH, Glob, Mode, Wild

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_authz.policy.access import Keys
    from jupyter_authz.policy.patterns import Segment
    from jupyter_authz.policy.permissions import Filters

Grants = AbstractSet[int]

# What a placeholder may stand for: all segments, the grants for which it counts and the number of
# the binding; both None for `{username}`, which is the same in all bindings.
Expansion = tuple[tuple[str, ...], Grants | None, int | None]
# By placeholder and first segment, so that a member of many groups need not try each.
Expansions = Mapping[Wild, Mapping[str, Sequence[Expansion]]]


class Special:
    """What a node has besides literal children."""

    __slots__ = ("anywhere", "deep", "globs", "holders", "is_nested", "one", "reach")

    def __init__(self) -> None:
        # The literal children of `**`, where nothing else is to be looked at.
        self.anywhere: dict[str, Node] | None = None
        # Whether it is behind a `**`, so that a path can lead here in more than one way.
        self.is_nested = False
        self.one: Node | None = None
        self.deep: Node | None = None
        self.globs: GlobIndex[Node] | None = None
        self.holders: dict[Wild, Node] = {}
        # Every grant written behind these.
        self.reach: Grants = frozenset()

    def freeze(self, sets: Sets) -> None:
        """Finish compiling, once all behind is finished."""
        targets = list(self.targets())
        self.reach = sets.union([target.reach for target in targets])
        if targets == [self.deep] and self.deep.special is None and not self.is_nested:
            self.anywhere = self.deep.children

    def targets(self) -> Iterator[Node]:
        """Give the nodes behind."""
        yield from (node for node in (self.one, self.deep) if node is not None)
        yield from self.holders.values()
        if self.globs is not None:
            yield from self.globs.targets()


class Node:
    """A place in the trie, reached by some segments."""

    __slots__ = ("children", "end", "reach", "special", "tail")

    def __init__(self) -> None:
        # Most nodes are leaves; they share one empty dict.
        self.children: dict[str, Node] = _NO_CHILDREN
        self.special: Special | None = None
        # What patterns that end here grant; and those that end in `**`, here and below.
        self.end: Payload | None = None
        self.tail: Payload | None = None
        # Every grant written here or below.
        self.reach: Grants = frozenset()

    def descend(self, segment: Segment) -> Node:
        """Give the node one segment on, made where it is not there yet."""
        if isinstance(segment, str):
            node = self.children.get(segment)
            if node is None:
                node = Node()
                if self.children is _NO_CHILDREN:
                    self.children = {}
                self.children[segment] = node
            return node
        special = self.special
        if special is None:
            special = self.special = Special()
        if isinstance(segment, Glob):
            if special.globs is None:
                special.globs = GlobIndex()
            found = special.globs.get(segment)
            if found is None:
                found = Node()
                special.globs.add(segment, found)
            return found
        if segment is Wild.ONE:
            special.one = special.one or Node()
            return special.one
        if segment is Wild.DEEP:
            special.deep = special.deep or Node()
            return special.deep
        return special.holders.setdefault(segment, Node())


_NO_CHILDREN: dict[str, Node] = {}

# A pattern that counts for a value: the node it ends at, whether as `end` (else as `tail`), the
# grants that count there and the number of the binding of its group placeholders, if it has any.
Hit = tuple[Node, bool, Grants, "int | None"]


class Level:
    """The patterns of one attribute.

    Parameters
    ----------
    attributes
        The attribute of a resource that it looks at, and those of the levels after it.
    sets
        Gives one and the same set for equal sets.
    """

    __slots__ = (
        "attribute",
        "grants",
        "is_plain",
        "rest",
        "root",
        "sets",
        "unknown",
    )

    def __init__(self, attributes: tuple[str, ...], sets: Sets) -> None:
        self.attribute = attributes[0]
        self.rest = attributes[1:]
        # Whether nothing is to be done but to look the value up: no further level, and no change.
        self.is_plain = len(attributes) == 1 and attributes[0] != "name"
        self.sets = sets
        self.root = Node()
        self.grants: Grants = frozenset()
        # What counts where the value is unknown: every deny in this level, whatever its pattern.
        self.unknown: Payload | None = None

    def insert(self, filters: Filters, grants: frozenset[int], *, denies: bool) -> None:
        """Add a permission's filters."""
        pattern, further = filters[0][1], filters[1:]
        deep_end = bool(pattern) and pattern[-1] is Wild.DEEP
        node = self.root
        for segment in pattern[:-1] if deep_end else pattern:
            # Most segments are literal and there already.
            known = node.children.get(segment) if segment.__class__ is str else None
            node = known or node.descend(segment)
        if deep_end:
            node.tail = self._with(node.tail, further, grants, denies=denies)
        else:
            node.end = self._with(node.end, further, grants, denies=denies)
        if denies:
            self.unknown = self._with(self.unknown, further, grants, denies=denies)

    def _with(
        self, payload: Payload | None, further: Filters, grants: frozenset[int], *, denies: bool
    ) -> Payload:
        if not further:
            assert not isinstance(payload, Level)
            return self.sets.added(payload, grants)
        if payload is None:
            payload = Level(self.rest, self.sets)
        assert isinstance(payload, Level)
        payload.insert(further, grants, denies=denies)
        return payload

    def freeze(self) -> None:
        """Finish compiling: note at every node what can be reached below."""
        sets = self.sets
        order = [self.root]
        behind_deep: set[Node] = set()
        for node in order:
            below: list[Node] = []
            for child in node.children.values():
                tail = child.tail
                if (
                    tail.__class__ is frozenset
                    and child.end is None
                    and child.children is _NO_CHILDREN
                    and child.special is None
                ):
                    # Most nodes are where one `P/**` ends, and nothing else.
                    child.reach = tail
                else:
                    below.append(child)
            if node.special is not None:
                below.extend(node.special.targets())
                node.special.is_nested = node in behind_deep
                if node.special.deep is not None:
                    behind_deep.add(node.special.deep)
            if behind_deep and node in behind_deep:
                behind_deep.update(below)
            order.extend(below)
        for node in reversed(order):
            # Children come after their parents in this order, so they are finished by now.
            parts = [child.reach for child in node.children.values()]
            if node.tail is not None:
                node.tail = sets.frozen(node.tail)
                parts.append(_grants(node.tail))
            if node.end is not None:
                node.end = sets.frozen(node.end)
                parts.append(_grants(node.end))
            if node.special is not None:
                node.special.freeze(sets)
                parts.append(node.special.reach)
            node.reach = parts[0] if len(parts) == 1 else sets.union(parts)
        self.grants = self.root.reach
        if self.unknown is not None:
            self.unknown = sets.frozen(self.unknown)

    def isdisjoint(self, grants: Grants) -> bool:
        """Whether none of the grants is in this level, as for a set of grants."""
        return self.grants.isdisjoint(grants)

    def decide(self, value: str, keys: Keys, granted: bool) -> bool | None:
        """Decide by one known value and no further attribute: what is asked most.

        Goes through the index once, for allows and denies together.

        Parameters
        ----------
        value
            Of the attribute.
        keys
            What the subject holds.
        granted
            Whether something allows it already, so that only a deny counts.

        Returns
        -------
        bool or None
            False where a deny matches, True where something allows it, else None.
        """
        # Grants that may still change the answer, and those of them that would deny.
        denied = keys.deny
        grants = denied if granted else keys.either
        node: Node | None = self.root
        segments = ahead = value.split("/") if value else []
        position, binding = 0, None
        # Most paths need neither.
        ways: list[Way] | None = None
        entered: Entered | None = None
        while node is not None:
            for segment in ahead:
                tail = node.tail
                if tail is not None and not tail.isdisjoint(grants):
                    if not tail.isdisjoint(denied):
                        return False
                    # INVARIANT: a deny anywhere still counts; nothing but denies is left to find.
                    # tests/policy/test_engine.py::test_engine_is_the_reference
                    granted, grants = True, denied
                    if node.reach.isdisjoint(denied):
                        break
                special = node.special
                if special is not None and not special.reach.isdisjoint(grants):
                    if ways is None:
                        ways = []
                    anywhere = special.anywhere
                    if anywhere is None:
                        if entered is None:
                            entered = {}
                        way = (position, grants, binding)
                        _branch(special, segments, way, keys.expansions, MATCH, ways, entered)
                    else:
                        below = map(anywhere.get, segments[position:])
                        for used, child in enumerate(below, position + 1):
                            if child is not None and not child.reach.isdisjoint(grants):
                                ways.append((child, used, grants, binding))
                node = node.children.get(segment)
                if node is None:
                    break
                position += 1
            else:
                tail, end = node.tail, node.end
                if (tail is not None and not tail.isdisjoint(grants)) or (
                    end is not None and not end.isdisjoint(grants)
                ):
                    if (tail is not None and not tail.isdisjoint(denied)) or (
                        end is not None and not end.isdisjoint(denied)
                    ):
                        return False
                    granted = True
            if not ways or (granted and not keys.deny):
                break
            node, position, grants, binding = ways.pop()
            denied = keys.deny if binding is None else grants & keys.deny
            if granted:
                grants = denied
            ahead = segments[position:]
        return granted or None

    def find(
        self, value: str, grants: Grants, keys: Keys, binding: int | None, mode: Mode
    ) -> list[Hit]:
        """Find the patterns that count for a value.

        Parameters
        ----------
        value
            Of the attribute.
        grants
            Those that count.
        keys
            What the subject holds.
        binding
            The number of the binding, where an earlier level has settled it.
        mode
            What a pattern must do to the value.
        """
        hits: list[Hit] = []
        segments = value.split("/") if value else []
        size = len(segments)
        expansions = keys.lowered if self.attribute == "name" else keys.expansions
        entered: Entered = {}
        ways: list[Way] = [(self.root, 0, grants, binding)]
        while ways:
            node, position, held, bound = ways.pop()
            if node.tail is not None and not node.tail.isdisjoint(held):
                hits.append((node, False, held, bound))
            if position < size:
                if node.special is not None:
                    here = (position, held, bound)
                    _branch(node.special, segments, here, expansions, mode, ways, entered)
                child = node.children.get(segments[position])
                if child is not None:
                    ways.append((child, position + 1, held, bound))
            elif mode is REACH and not node.reach.isdisjoint(held):
                hits.append((node, False, held, bound))
            elif mode is MATCH and node.end is not None and not node.end.isdisjoint(held):
                hits.append((node, True, held, bound))
        return hits


# A way to go on: from which node, how many segments are used, grants that count there, binding.
Way = tuple[Node, int, Grants, "int | None"]
# At which place of the path a `**` was gone into, so that no place is gone into twice.
Entered = dict[tuple[Node, "int | None"], int]


def _branch(  # noqa: PLR0913 - the state of the walk
    special: Special,
    segments: Sequence[str],
    here: tuple[int, Grants, int | None],
    expansions: Expansions,
    mode: Mode,
    ways: list[Way],
    entered: Entered,
) -> None:
    """Add the ways to go on that are not literal."""
    position, grants, binding = here
    segment, size = segments[position], len(segments)
    one, globs, deep = special.one, special.globs, special.deep
    # What leads to nothing of the subject's is left aside at once.
    if one is not None and not one.reach.isdisjoint(grants):
        ways.append((one, position + 1, grants, binding))
    if globs is not None:
        for target in globs.find(segment):
            if not target.reach.isdisjoint(grants):
                ways.append((target, position + 1, grants, binding))
    if deep is not None:
        stop = size
        if special.is_nested:
            stop = entered.get((deep, binding), size)
            entered[deep, binding] = min(position, stop)
        if position < stop:
            if deep.special is None:
                children = deep.children
                rest = map(children.get, segments[position:stop])
                for ahead, child in enumerate(rest, position + 1):
                    if child is not None and not child.reach.isdisjoint(grants):
                        ways.append((child, ahead, grants, binding))
            else:
                ways.extend([(deep, ahead, grants, binding) for ahead in range(position, stop)])
            if mode is REACH:
                ways.append((deep, size, grants, binding))
    for holder, target in special.holders.items():
        if target.reach.isdisjoint(grants):
            continue
        for bound, counts, number in expansions[holder].get(segment, ()):
            # INVARIANT: placeholders of one permission stand for one and the same group, and only
            # grants of roles with that group count behind them.
            # tests/policy/test_engine.py::test_group_placeholders_are_bound_once
            if counts is None:
                held, after = grants, binding
            elif binding is None or binding == number:
                held, after = grants & counts, number
            else:
                continue
            ahead = position + len(bound)
            if ahead <= size:
                if bound == tuple(segments[position:ahead]):
                    ways.append((target, ahead, held, after))
            elif mode is REACH and bound[: size - position] == tuple(segments[position:]):
                ways.append((target, size, held, after))


def payload_of(hit: Hit) -> Payload:
    """Give what stands at the end of a pattern that was found."""
    payload = hit[0].end if hit[1] else hit[0].tail
    assert payload is not None
    return payload


def _grants(payload: Payload) -> Grants:
    return payload.grants if isinstance(payload, Level) else payload


# What stands at the end of a pattern: grants, or the patterns of the next attribute.
Payload = Grants | Level


class Sets:
    """Sets of grants, each kept once.

    While compiling, a set of one is frozen and shared from the start, and larger ones grow.
    """

    def __init__(self) -> None:
        self._kept: dict[Grants, frozenset[int]] = {}

    def added(self, grants: Grants | None, more: frozenset[int]) -> Grants:
        """Give a set with some grants more."""
        if grants is None or grants is more:
            return more
        if not isinstance(grants, set):
            grants = set(grants)
        grants |= more
        return grants

    def frozen(self, payload: Payload) -> Payload:
        """Give what stands at the end of a pattern, finished."""
        if isinstance(payload, Level):
            payload.freeze()
        elif isinstance(payload, set):
            return self.keep(frozenset(payload))
        return payload

    def union(self, parts: Sequence[Grants]) -> Grants:
        """Give what is in any of some finished sets."""
        if not parts:
            return _NOTHING
        first = parts[0]
        if all([part is first for part in parts]):
            return first
        return self.keep(frozenset().union(*{id(part): part for part in parts}.values()))

    def keep(self, grants: frozenset[int]) -> frozenset[int]:
        return self._kept.setdefault(grants, grants)


_NOTHING: frozenset[int] = frozenset()
