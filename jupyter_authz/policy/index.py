"""The index of patterns: finds every rule that matches without trying each.

Part of the engine. A level is one attribute, with the trie of its patterns; a permission with two
filters goes through two levels. What stands at the end of a pattern is the set of grants written
with it, or the next level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_authz.policy.patterns import MATCH, REACH, Mode, Wild
from jupyter_authz.policy.trie import Grants, Node, finish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_authz.policy.access import Keys
    from jupyter_authz.policy.permissions import Filters
    from jupyter_authz.policy.trie import Payload, Sets, Special

    # What a placeholder may stand for: all segments, the grants for which it counts and the number
    # of the binding; both None for `{username}`, which is the same in all bindings.
    Expansion = tuple[tuple[str, ...], Grants | None, int | None]
    # By placeholder and first segment, so that a member of many groups need not try each.
    Expansions = Mapping[Wild, Mapping[str, Sequence[Expansion]]]
    # A pattern that counts for a value: the node it ends at, whether as `end` (else as `tail`), the
    # grants that count there and the number of the binding of its group placeholders, if any.
    Hit = tuple[Node, bool, Grants, int | None]
    # A way to go on: from which node, how many segments are used, grants that count and binding.
    Way = tuple[Node, int, Grants, int | None]
    # At which place of a path a `**` was gone into, so that no place is gone into twice.
    Entered = dict[tuple[Node, int | None], int]


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
        self.grants: Grants = self.root.reach
        # What counts where the value is unknown: every deny in this level, whatever its pattern.
        self.unknown: Payload | None = None

    def insert(self, filters: Filters, grants: frozenset[int], *, denies: bool) -> None:
        """Add a permission's filters."""
        pattern, further = filters[0][1], filters[1:]
        deep_end = bool(pattern) and pattern[-1] is Wild.DEEP
        node = self.root
        for segment in pattern[:-1] if deep_end else pattern:
            if isinstance(segment, str):
                # Most segments are there already.
                node = node.children.get(segment) or node.literal(segment)
            else:
                node = node.behind(segment)
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
        finish(self.root, self.sets)
        self.grants = self.root.reach
        if self.unknown is not None:
            self.unknown = self.sets.frozen(self.unknown)

    def isdisjoint(self, grants: Grants) -> bool:
        """Whether none of the grants is in this level, as for a set of grants."""
        return self.grants.isdisjoint(grants)

    def decide(  # noqa: C901, PLR0912 - the one loop that nearly every question goes through
        self, value: str, keys: Keys, *, granted: bool
    ) -> bool | None:
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
        denied: Grants = keys.deny
        grants: Grants = denied if granted else keys.either
        node: Node | None = self.root
        segments = ahead = value.split("/") if value else []
        position, binding = 0, None
        # Most paths need neither.
        ways: list[Way] | None = None
        entered: Entered | None = None
        while node is not None:
            for segment in ahead:
                here = node.here
                # Most places on the way hold nothing of the subject's.
                if here is not None and not here.isdisjoint(grants):
                    tail = node.tail
                    if tail is not None and not tail.isdisjoint(grants):
                        if not tail.isdisjoint(denied):
                            return False
                        # INVARIANT: a deny anywhere still counts; only denies are left to find.
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


def _branch(  # noqa: PLR0913, PLR0917 - the state of the walk
    special: Special,
    segments: Sequence[str],
    here: tuple[int, Grants, int | None],
    expansions: Expansions,
    mode: Mode,
    ways: list[Way],
    entered: Entered,
) -> None:
    """Add the ways to go on that are not literal, but for those to nothing of the subject's."""
    position, grants, binding = here
    one, globs, deep = special.one, special.globs, special.deep
    if one is not None and not one.reach.isdisjoint(grants):
        ways.append((one, position + 1, grants, binding))
    if globs is not None:
        ways.extend(
            (target, position + 1, grants, binding)
            for target in globs.find(segments[position])
            if not target.reach.isdisjoint(grants)
        )
    if deep is not None and not deep.reach.isdisjoint(grants):
        stop = len(segments)
        if mode is REACH:
            ways.append((deep, stop, grants, binding))
        if special.is_nested:
            stop = entered.get((deep, binding), stop)
            entered[deep, binding] = min(position, stop)
        ways.extend([(deep, ahead, grants, binding) for ahead in range(position, stop)])
    for holder, target in special.holders.items():
        if not target.reach.isdisjoint(grants):
            for expansion in expansions[holder].get(segments[position], ()):
                way = _bound(target, segments, here, expansion, mode)
                if way is not None:
                    ways.append(way)


def _bound(
    target: Node,
    segments: Sequence[str],
    here: tuple[int, Grants, int | None],
    expansion: Expansion,
    mode: Mode,
) -> Way | None:
    """Give the way behind a placeholder, for one thing that it may stand for."""
    position, grants, binding = here
    bound, counts, number = expansion
    # INVARIANT: placeholders of one permission stand for one and the same group, and only grants of
    # roles with that group count behind them.
    # tests/policy/test_engine.py::test_group_placeholders_are_bound_once
    if counts is not None:
        if binding is not None and binding != number:
            return None
        grants, binding = grants & counts, number
    rest = tuple(segments[position : position + len(bound)])
    if rest == bound:
        return target, position + len(bound), grants, binding
    if mode is REACH and position + len(rest) == len(segments) and rest == bound[: len(rest)]:
        return target, len(segments), grants, binding
    return None


def payload_of(hit: Hit) -> Payload:
    """Give what stands at the end of a pattern that was found."""
    payload = hit[0].end if hit[1] else hit[0].tail
    assert payload is not None
    return payload
