"""The Merkle tree of RFC 6962 (section 2.1) over SHA-256: roots, proofs and their verification.

Owns pure functions over hashes. A tree is known by its complete subtrees: the node (level, position) covers the leaves from
``position << level`` up to ``(position + 1) << level``, and whoever asks for a proof brings a function that looks such a node
up. It must not know where nodes are kept nor what a leaf means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32

Place = tuple[int, int]
Lookup = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Growth:
    """What one more leaf adds: its node, the subtrees that it completes, and the new frontier and root."""

    nodes: tuple[tuple[Place, bytes], ...]
    frontier: tuple[bytes, ...]
    root: bytes


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 over 0x00 and the content."""
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 over 0x01 and the hashes of its two children."""
    return sha256(b"\x01" + left + right).digest()


def frontier(size: int) -> tuple[Place, ...]:
    """Return the places of the complete subtrees that make up a tree of ``size`` leaves, largest (leftmost) first."""
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    return tuple((level, (size >> level) - 1) for level in levels)


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a frontier's hashes, given leftmost first; of no hashes, that of the empty tree."""
    if not hashes:
        return sha256(b"").digest()
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result


def grow(size: int, hashes: Sequence[bytes], leaf: bytes) -> Growth:
    """Add one leaf to a tree of ``size`` leaves.

    Args:
        size: the number of leaves before.
        hashes: the hashes of ``frontier(size)``.
        leaf: the hash of the new leaf.
    """
    kept, current, level = list(hashes), leaf, 0
    nodes = [((0, size), leaf)]
    while size >> level & 1:
        current = node_hash(kept.pop(), current)
        level += 1
        nodes.append(((level, size >> level), current))
    kept.append(current)
    return Growth(tuple(nodes), tuple(kept), fold(kept))


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree of these leaf hashes."""
    hashes: tuple[bytes, ...] = ()
    for size, leaf in enumerate(leaves):
        hashes = grow(size, hashes, leaf).frontier
    return fold(hashes)


def lookup_in(nodes: Mapping[Place, bytes]) -> Lookup:
    """Return the look-up of nodes that are held in memory."""
    return lambda level, position: nodes[level, position]


def prove_inclusion(index: int, size: int, node: Lookup) -> tuple[bytes, ...]:
    """Return the audit path of the leaf ``index`` in the tree of ``size`` leaves (RFC 6962, 2.1.1), lowest first.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start = middle
    return tuple(reversed(path))


def prove_consistency(first: int, second: int, node: Lookup) -> tuple[bytes, ...]:
    """Return the proof that the tree of ``second`` leaves begins with that of ``first`` (RFC 6962, 2.1.2).

    Raises:
        ValueError: not 1 ≤ first ≤ second.
    """
    if not 1 <= first <= second:
        raise ValueError(f"no consistency proof from {first} to {second}")
    path, start, end, whole = [], 0, second, True
    while first < end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range_hash(middle, end, node))
            end = middle
        else:
            path.append(_range_hash(start, middle, node))
            start, whole = middle, False
    # The subtree at which the descent ends is the old root itself as long as it never went to the right.
    return tuple(reversed(path if whole else [*path, _range_hash(start, end, node)]))


def verify_inclusion(index: int, size: int, *, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether the proof leads from the leaf's hash at ``index`` to the root of the tree of ``size`` leaves."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    at, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            current = node_hash(sibling, current)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and current == root


def verify_consistency(
    first: int, second: int, *, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Say whether the proof shows that the tree of ``second`` leaves begins with that of ``first`` leaves.

    A tree of no leaf proves nothing about a later one, so ``first`` must be at least 1.
    """
    if not 1 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if not _are_hashes(first_root, second_root, *proof):
        return False
    # A first tree that is one complete subtree is not repeated in the proof.
    hashes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not hashes or not proof:
        return False
    at, last = _past_right_children(first - 1, second - 1)
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _past_right_children(at: int, last: int) -> Place:
    while at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _split(width: int) -> int:
    """Return the largest power of two that is smaller than the width."""
    return 1 << (width - 1).bit_length() - 1


def _range_hash(start: int, end: int, node: Lookup) -> bytes:
    """Return the hash over the leaves from start to end, where start is a multiple of the next power of two."""
    places = frontier(end - start)
    return fold([node(level, position + (start >> level)) for level, position in places])


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
