"""The column's CMAC against the AES-CMAC vectors of RFC 4493, NIST SP 800-38B and Wycheproof, and against cryptography's own."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from extractor.deid.pseudonyms import cmac_column

WYCHEPROOF = Path(__file__).parents[3] / "shared/data/vectors/wycheproof/aes_cmac_test.json"
MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
RFC_4493_KEY = "2b7e151628aed2a6abf7158809cf4f3c"
SP_800_38B_256_KEY = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"


def _tag(key: bytes, *messages: bytes) -> list[str]:
    return [bytes(row).hex() for row in cmac_column(pl.Series(messages, dtype=pl.Binary), key)]


def test_the_examples_of_rfc_4493_come_out() -> None:
    tags = _tag(bytes.fromhex(RFC_4493_KEY), MESSAGE[:0], MESSAGE[:16], MESSAGE[:40], MESSAGE)
    assert tags == [
        "bb1d6929e95937287fa37d129b756746",
        "070a16b46b4d4144f79bdd9dd04a287c",
        "dfa66747de9ae63030ca32611497c827",
        "51f0bebf7e3b9d92fc49741779363cfe",
    ]


def test_the_aes_256_examples_of_nist_sp_800_38b_come_out() -> None:
    tags = _tag(bytes.fromhex(SP_800_38B_256_KEY), MESSAGE[:0], MESSAGE[:16], MESSAGE)
    assert tags == [
        "028962f61b7bf89efc6b551f4667d983",
        "28a7023f452e8f82bd4bf28d8c37c35c",
        "e1992190549f6ed5696a2c056c315410",
    ]


def test_every_wycheproof_vector_of_aes_cmac_agrees() -> None:
    if not WYCHEPROOF.exists():
        pytest.skip("the Wycheproof vectors are not on this machine (../shared/data/vectors/wycheproof)")
    groups = json.loads(WYCHEPROOF.read_text(encoding="utf-8"))["testGroups"]
    checked = 0
    for group in groups:
        if group["keySize"] not in (128, 192, 256):
            continue
        for case in group["tests"]:
            tag = _tag(bytes.fromhex(case["key"]), bytes.fromhex(case["msg"]))[0]
            assert (tag == case["tag"]) == (case["result"] == "valid"), case["tcId"]
            checked += 1
    assert checked == 306


def test_mixed_lengths_over_several_chunks_agree_with_one_by_one_computation() -> None:
    random = np.random.default_rng(4493)
    messages = [random.bytes(int(length)) for length in random.integers(0, 70, 33_000)]
    key = random.bytes(32)
    tags = _tag(key, *messages)
    for row in (*range(0, 33_000, 97), 32_767, 32_768, 32_999):
        single = CMAC(algorithms.AES(key))
        single.update(messages[row])
        assert tags[row] == single.finalize().hex()
