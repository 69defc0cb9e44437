"""How much of an order the market takes at once."""

from decimal import Decimal

import pytest

from tenthman.exchange.liquidity import Liquidity


def offers(liquidity: Liquidity, wanted: int = 100) -> list[Decimal]:
    return [liquidity.offer(f"o{number}", "AAA", 0.5, Decimal(wanted)) for number in range(1000)]


def test_without_a_bound_an_order_gets_all_it_wants() -> None:
    assert set(offers(Liquidity())) == {Decimal(100)}


def test_with_a_chance_of_a_tenth_a_tenth_is_partial_of_any_size_and_the_same_every_time() -> None:
    found = offers(Liquidity(chance=0.1))
    partial = [offered for offered in found if offered < 100]
    assert 70 <= len(partial) <= 130
    assert (min(partial) < 20, max(partial) > 80, all(offered % 1 == 0 for offered in partial)) == (True, True, True)
    assert offers(Liquidity(chance=0.1)) == found


def test_one_share_is_never_parted() -> None:
    assert set(offers(Liquidity(chance=1.0), wanted=1)) == {Decimal(1)}


def test_a_half_hour_that_gave_less_than_was_wanted_gives_nothing_more_and_the_next_one_does() -> None:
    liquidity = Liquidity(share=0.13)
    liquidity.begin(lambda _symbol: 1_000.0)
    assert liquidity.offer("o", "AAA", 0.0, Decimal(25)) == Decimal(10)
    liquidity.take("AAA", 0.0, Decimal(25), Decimal(10))
    assert liquidity.offer("p", "AAA", 0.05, Decimal(1)) == Decimal(0)
    assert liquidity.offer("p", "BBB", 0.05, Decimal(1)) == Decimal(1)
    following = liquidity.next_start(0.05)
    assert following == pytest.approx(1 / 13)
    assert following is not None
    assert liquidity.offer("o", "AAA", following, Decimal(15)) == Decimal(10)
    assert liquidity.next_start(1.0) is None


def test_orders_share_what_a_half_hour_gives_and_no_volume_gives_nothing() -> None:
    liquidity = Liquidity(share=0.13)
    liquidity.begin(lambda symbol: 1_000.0 if symbol == "AAA" else float("nan"))
    liquidity.take("AAA", 0.0, Decimal(4), Decimal(4))
    assert liquidity.offer("o", "AAA", 0.01, Decimal(25)) == Decimal(6)
    assert liquidity.offer("o", "BBB", 0.01, Decimal(25)) == Decimal(0)


@pytest.mark.parametrize("share", [Decimal(0), Decimal(1), Decimal("-0.1")])
def test_a_part_is_more_than_nothing_and_less_than_all(share: Decimal) -> None:
    with pytest.raises(ValueError, match="`share` must lie between 0 and 1"):
        Liquidity().command("AAA", share)
