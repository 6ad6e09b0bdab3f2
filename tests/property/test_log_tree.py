"""The tree against a naive one written after RFC 6962, section 2.1, line by line."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from extractor.log.tree import (
    Place,
    fold,
    frontier,
    grow,
    leaf_hash,
    lookup_in,
    prove_consistency,
    prove_inclusion,
    root,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(1, 41)


def _k(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def _mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = _k(len(leaves))
    return sha256(b"\x01" + _mth(leaves[:k]) + _mth(leaves[k:])).digest()


def _path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = _k(len(leaves))
    if m < k:
        return [*_path(m, leaves[:k]), _mth(leaves[k:])]
    return [*_path(m - k, leaves[k:]), _mth(leaves[:k])]


def _subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [_mth(leaves)]
    k = _k(len(leaves))
    if m <= k:
        return [*_subproof(m, leaves[:k], whole), _mth(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], False), _mth(leaves[:k])]


def _grown(leaves: list[bytes]) -> tuple[dict[Place, bytes], list[bytes]]:
    """Return all nodes of the tree as it grows, and its root at every size."""
    nodes: dict[Place, bytes] = {}
    roots, hashes = [fold(())], ()
    for size, leaf in enumerate(leaves):
        growth = grow(size, hashes, leaf_hash(leaf))
        nodes |= dict(growth.nodes)
        hashes = growth.frontier
        assert hashes == tuple(nodes[place] for place in frontier(size + 1))
        roots.append(growth.root)
    return nodes, roots


LEAVES = [f"entry {n}".encode() for n in SIZES]
NODES, ROOTS = _grown(LEAVES)


def test_the_root_of_every_size_is_the_naive_one() -> None:
    assert [_mth(LEAVES[:size]) for size in (0, *SIZES)] == ROOTS
    assert all(root([leaf_hash(leaf) for leaf in LEAVES[:size]]) == ROOTS[size] for size in (0, *SIZES))


def test_every_inclusion_proof_up_to_forty_is_the_naive_one_and_verifies() -> None:
    for size in SIZES:
        for index in range(size):
            proof = prove_inclusion(index, size, lookup_in(NODES))
            assert list(proof) == _path(index, LEAVES[:size])
            leaf = leaf_hash(LEAVES[index])
            assert verify_inclusion(index, size, leaf=leaf, proof=proof, root=ROOTS[size])
            assert not verify_inclusion(index, size, leaf=leaf_hash(b"x"), proof=proof, root=ROOTS[size])


def test_every_consistency_proof_up_to_forty_is_the_naive_one_and_verifies() -> None:
    for second in SIZES:
        for first in range(1, second + 1):
            proof = prove_consistency(first, second, lookup_in(NODES))
            assert list(proof) == _subproof(first, LEAVES[:second], True)
            roots = {"first_root": ROOTS[first], "second_root": ROOTS[second]}
            assert verify_consistency(first, second, proof=proof, **roots)
            swapped = {"first_root": ROOTS[first - 1], "second_root": ROOTS[second]}
            assert not verify_consistency(first, second, proof=proof, **swapped)


@given(size=st.integers(1, 40), data=st.data())
def test_a_proof_for_one_place_does_not_verify_at_another(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, 64).filter(lambda n: n != index))
    proof = prove_inclusion(index, size, lookup_in(NODES))
    assert not verify_inclusion(other, size, leaf=leaf_hash(LEAVES[index]), proof=proof, root=ROOTS[size])


@given(size=st.integers(2, 40), data=st.data())
def test_a_proof_with_one_bit_changed_or_one_hash_less_or_more_does_not_verify(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, size - 1))
    inclusion = prove_inclusion(first, size, lookup_in(NODES))
    consistency = prove_consistency(first, size, lookup_in(NODES))

    def spoil(proof: tuple[bytes, ...]) -> tuple[bytes, ...]:
        at = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        changed = (int.from_bytes(proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
        choices = [
            (*proof[:at], changed, *proof[at + 1 :]),
            proof[:at] + proof[at + 1 :],
            (*proof, proof[at]),
            (*proof[:at], proof[at][:31], *proof[at + 1 :]),
        ]
        return data.draw(st.sampled_from(choices))

    leaf = leaf_hash(LEAVES[first])
    assert not verify_inclusion(first, size, leaf=leaf, proof=spoil(inclusion), root=ROOTS[size])
    roots = {"first_root": ROOTS[first], "second_root": ROOTS[size]}
    assert not verify_consistency(first, size, proof=spoil(consistency), **roots)


@given(st.integers(1, 10**12), st.data())
def test_a_proof_needs_few_nodes_however_long_the_log(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    asked: list[Place] = []

    def node(level: int, position: int) -> bytes:
        assert (position + 1) << level <= size, "a node that is not complete was asked for"
        asked.append((level, position))
        return bytes(32)

    prove_inclusion(index, size, node)
    prove_consistency(index + 1, size, node)
    assert len(asked) <= 4 * size.bit_length() + 2
