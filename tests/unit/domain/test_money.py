"""Money and shares of things in whole numbers."""

import pytest

from tenthman.domain.money import whole_share


@pytest.mark.parametrize("per_mille", [1, 10, 35, 60, 70, 140, 280, 333, 500])
def test_a_share_is_rounded_up_to_whole_things_and_never_by_a_hair(per_mille: int) -> None:
    fraction = per_mille / 1000
    wanted = [-(-per_mille * count // 1000) for count in range(2_000)]
    assert [whole_share(fraction, count) for count in range(2_000)] == wanted


def test_the_smallest_share_of_anything_is_one_and_of_nothing_none() -> None:
    assert whole_share(1e-15, 3) == 1
    assert whole_share(0.5, 0) == 0
