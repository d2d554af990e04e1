"""Seeds of data keys, each of which can be destroyed alone: a tree of hashes.

From the seed of a node follow those of its sixteen children, by SHA-256, and a data key has a leaf of its own. As long
as nothing is destroyed one seed, the root's, is all there is to keep, also for people who come later. To destroy a
leaf, the seed above it is given up for the seeds of everything beside the way to it: all other leaves stay within
reach and this one never is again (a puncturable pseudo-random function, on the tree of Goldreich, Goldwasser and
Micali, 1986).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

DIGITS = "0123456789abcdef"
DEPTH = 12
"""Digits of a leaf. They are chosen at random: among 10,000 people two share one once in five million studies."""


class Seeds:
    """The seeds that are there, by the digits of their node; the root's is ''."""

    def __init__(self, known: Mapping[str, bytes]) -> None:
        self.known = MappingProxyType(dict(known))

    def of(self, leaf: str) -> bytes | None:
        """The seed of a leaf, 32 bytes; None once it was destroyed."""
        node = _above(self.known, leaf)
        if node is None:
            return None
        seed = self.known[node]
        for digit in leaf[len(node) :]:
            seed = _child(seed, digit)
        return seed

    def without(self, *leaves: str) -> Seeds:
        """The same seeds, from which these leaves can no longer be reached."""
        left = dict(self.known)
        for leaf in leaves:
            _give_up(left, leaf)
        return Seeds(left)


def _above(known: Mapping[str, bytes], leaf: str) -> str | None:
    """The node that is there on the way to a leaf."""
    return next((leaf[:length] for length in range(DEPTH + 1) if leaf[:length] in known), None)


def _give_up(known: dict[str, bytes], leaf: str) -> None:
    """Put everything beside the way to the leaf in the place of the seed above it."""
    node = _above(known, leaf)
    if node is None:
        return
    seed = known.pop(node)
    for place in range(len(node), DEPTH):
        known |= {leaf[:place] + digit: _child(seed, digit) for digit in DIGITS if digit != leaf[place]}
        seed = _child(seed, leaf[place])


def _child(seed: bytes, digit: str) -> bytes:
    return sha256(seed + digit.encode()).digest()
