"""Manifests: no byte can be changed unseen."""

import pytest

from tenthman.domain.errors import DataCorrupt
from tenthman.ml.manifest import sealed, unsealed

FIELDS = {"version": "xgb-1", "numbers": [0.1, 1e22, -0.0, 1e-300, 3], "text": "Ünïcode \n", "none": None}


def test_a_manifest_comes_back_as_it_was() -> None:
    assert unsealed(sealed(FIELDS), "xgb-1", "here") == FIELDS


def test_any_one_bit_flipped_is_noticed() -> None:
    content = sealed(FIELDS).encode()
    for place in range(len(content)):
        for bit in (1, 32):
            altered = bytearray(content)
            altered[place] ^= bit
            with pytest.raises(DataCorrupt, match="model xgb-1"):
                unsealed(altered.decode(errors="replace"), "xgb-1", "here")


def test_a_manifest_of_another_model_or_without_a_seal_is_refused() -> None:
    with pytest.raises(DataCorrupt, match="is of model xgb-1"):
        unsealed(sealed(FIELDS), "xgb-2", "here")
    for text in ("{}", "[]", "nonsense"):
        with pytest.raises(DataCorrupt, match="model xgb-1: the manifest on disk"):
            unsealed(text, "xgb-1", "on disk")


def test_what_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(ValueError, match="sha256"):
        sealed({"sha256": "x"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        sealed({"x": float("nan")})
