"""What a shadow position comes to, bar by bar, worked out by hand."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from tenthman_markets import HALT, OHLC, at, small_market

from tenthman.config import CostSettings
from tenthman.domain.market import MarketData
from tenthman.scheduler.outcomes.corporate_actions import dividends_of
from tenthman.scheduler.outcomes.shadows import ShadowMarket
from tenthman.scheduler.record import Ending, Sales, Shadow

FREE = CostSettings(half_spread_bp=0.0, slippage_bp=0.0, open_slippage_bp=0.0, stop_slippage_bp=0.0)
DEAR = CostSettings(half_spread_bp=10.0, slippage_bp=10.0, open_slippage_bp=40.0, stop_slippage_bp=90.0)
QUIET = (99.0, 101.0, 98.0, 100.0)
LITTLE, MORE = Decimal("0.03"), Decimal("0.04")
"""Fees of 10 shares sold in January 2020: 20.70 USD a million in whole cents (966 USD are two), and one for FINRA."""


def market_of(*bars: OHLC) -> MarketData:
    return small_market({"AAPL": bars})


def shadow(market: MarketData, fraction: float = -0.1, horizon: int = 3) -> Shadow:
    """Ten shares: limit 100, stop 95, target 107, sent at `fraction` of the first session."""
    return Shadow(
        decision_id="d1",
        as_of=at(market, 0, fraction),
        ticker="AAPL",
        cause="veto",
        quantity=Decimal(10),
        limit_price=Decimal(100),
        stop_price=Decimal(95),
        target_price=Decimal(107),
        horizon_sessions=horizon,
        opened_session=market.hours[0].session,
    )


def ending(market: MarketData, *, costs: CostSettings = FREE, fraction: float = -0.1, final: bool = True) -> Ending:
    found = ShadowMarket(market.panel, market.hours, costs).ending_of(shadow(market, fraction), final=final)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("bars", "entry", "left", "day", "reason"),
    [
        ([QUIET, (99, 108, 98, 107)], 99, 107, 1, "target"),
        ([QUIET, (99, 100, 94, 96)], 99, 95, 1, "stop"),
        ([QUIET, (99, 108, 94, 100)], 99, 95, 1, "stop"),
        ([QUIET, (90, 92, 88, 91)], 99, 90, 1, "stop"),
        ([QUIET, (110, 112, 94, 100)], 99, 110, 1, "target"),
        ([(99, 108, 94, 100)], 99, 95, 0, "stop"),
        ([(94, 96, 93, 95)], 94, 94, 0, "stop"),
        ([(103, 108, 100, 104)], 100, 107, 0, "target"),
        ([QUIET, QUIET, QUIET, (98, 110, 90, 100)], 99, 98, 3, "time"),
        ([QUIET, QUIET, QUIET, HALT, (97, 110, 90, 100)], 99, 97, 4, "time"),
        ([QUIET, HALT, (99, 108, 98, 107)], 99, 107, 2, "target"),
    ],
)
def test_a_morning_shadow_ends_as_its_bars_say(
    bars: list[OHLC], entry: float, left: float, day: int, reason: str
) -> None:
    market = market_of(*bars)
    found = ending(market)
    assert (found.entry, found.exit, found.reason) == (Decimal(entry), Decimal(left), reason)
    assert found.session == market.hours[day].session
    assert found.fees == (MORE if left > 96.6 else LITTLE)


@pytest.mark.parametrize("bars", [[(103, 108, 101, 104), QUIET], [HALT, QUIET]])
def test_an_entry_that_no_price_of_its_session_reached_never_filled(bars: list[OHLC]) -> None:
    found = ending(market_of(*bars), final=False)
    assert (found.entry, found.exit, found.reason, found.fees) == (None, None, "never_filled", Decimal(0))
    assert found.gained(Decimal(10)) == 0


def test_a_shadow_of_a_ticker_without_bars_never_filled() -> None:
    market = market_of(QUIET)
    stranger = replace(shadow(market), ticker="GONE")
    found = ShadowMarket(market.panel, market.hours, FREE).ending_of(stranger, final=False)
    assert found is not None
    assert found.reason == "never_filled"


def test_a_shadow_goes_on_until_its_bars_end_it_or_the_run_is_over() -> None:
    market = market_of(QUIET, QUIET)
    bars = ShadowMarket(market.panel, market.hours, FREE)
    assert bars.ending_of(shadow(market), final=False) is None
    found = bars.ending_of(shadow(market), final=True)
    assert found is not None
    assert (found.entry, found.exit, found.reason, found.fees) == (Decimal(99), Decimal(100), "run_end", Decimal(0))


def test_a_shadow_of_a_session_that_has_not_closed_is_left_alone() -> None:
    market = market_of(QUIET)
    tomorrow = replace(shadow(market), opened_session=market.hours[0].session + timedelta(days=1))
    assert ShadowMarket(market.panel, market.hours, FREE).ending_of(tomorrow, final=False) is None


def test_an_afternoon_shadow_is_not_touched_by_what_came_before_it() -> None:
    """At five sixths of the session the path is halfway from the high, 120, to the close, 90: at 105 it waits."""
    market = market_of((99, 120, 80, 90), (99, 108, 98, 107))
    found = ending(market, fraction=5 / 6)
    assert (found.entry, found.exit, found.reason) == (Decimal(100), Decimal(95), "stop")
    assert found.session == date(2020, 1, 6)


def test_an_afternoon_shadow_with_a_rest_of_the_session_above_its_limit_never_fills() -> None:
    assert ending(market_of((99, 120, 80, 101), QUIET), fraction=0.9).reason == "never_filled"


def test_costs_are_the_exchange_s_own_and_the_result_is_after_them() -> None:
    """Open 97 + 0.5 % = 97.485, so 97.49; the stop at 95 - 1 % = 94.05; ten shares, fees of three cents."""
    found = ending(market_of((97, 101, 96, 100), (99, 100, 94, 96)), costs=DEAR)
    assert (found.entry, found.exit) == (Decimal("97.49"), Decimal("94.05"))
    assert found.gained(Decimal(10)) == Decimal("-34.43")


def test_a_sale_by_time_pays_the_costs_of_the_open() -> None:
    found = ending(market_of(QUIET, QUIET, QUIET, QUIET), costs=DEAR)
    assert (found.entry, found.exit, found.reason) == (Decimal("99.50"), Decimal("98.50"), "time")


BEFORE_OPEN, MIDDAY = -0.1, 0.5
"""At half the session the path is halfway from the low to the high: at 99.50 of a QUIET bar."""


def sold(
    market: MarketData,
    *,
    signals: tuple[tuple[int, float], ...] = (),
    latched: tuple[tuple[int, float], ...] = (),
    sells: bool = True,
    fraction: float = BEFORE_OPEN,
    costs: CostSettings = FREE,
) -> Ending | None:
    """How the shadow ends where the model said SELL, or the latch left ACTIVE, at these (session, fraction)."""
    moved = tuple(at(market, *when) for when in latched)
    sales = Sales(
        signals={"AAPL": tuple(at(market, *when) for when in signals), "MSFT": (at(market, 0, 0.4),)},
        latched=moved,
        sold_out=moved if sells else (),
    )
    bars = ShadowMarket(market.panel, market.hours, costs, sales=sales)
    return bars.ending_of(shadow(market, fraction, horizon=9), final=False)


@pytest.mark.parametrize("by", ["signal", "drawdown"])
@pytest.mark.parametrize(
    ("when", "bars", "left", "day"),
    [
        ((1, BEFORE_OPEN), [QUIET, (98.5, 110, 90, 96), QUIET], 98.5, 1),
        ((1, MIDDAY), [QUIET, QUIET, QUIET], 99.5, 1),
        ((0, MIDDAY), [QUIET, QUIET, QUIET], 99.5, 0),
        ((1, 1.0), [QUIET, QUIET, (98.2, 110, 90, 96)], 98.2, 2),
        ((1, MIDDAY), [QUIET, HALT, (98.2, 110, 90, 96)], 98.2, 2),
    ],
    ids=["at the open", "at once", "in the session of the entry", "after the close", "in a halt"],
)
def test_a_shadow_is_sold_when_the_desk_would_sell(
    by: str, when: tuple[int, float], bars: list[OHLC], left: float, day: int
) -> None:
    market = market_of(*bars)
    found = sold(market, **{"signals" if by == "signal" else "latched": (when,)})
    assert found is not None
    assert (found.entry, found.exit, found.reason) == (Decimal(99), Decimal(str(left)), by)
    assert found.session == market.hours[day].session


def test_a_stop_that_is_reached_before_the_sale_comes_first_and_one_after_it_does_not() -> None:
    """The low, 94, is reached a third into the session; at a tenth the path is at 97.50."""
    market = market_of(QUIET, (99.0, 100.0, 94.0, 96.0))
    late, early = sold(market, signals=((1, MIDDAY),)), sold(market, signals=((1, 0.1),))
    assert late is not None
    assert early is not None
    assert (late.exit, late.reason) == (Decimal(95), "stop")
    assert (early.exit, early.reason) == (Decimal("97.5"), "signal")


def test_a_sale_in_the_session_pays_the_costs_of_the_day_and_one_at_the_open_those_of_the_open() -> None:
    """99.50 less 20 bp is 99.301, so 99.30; the open, 99, less 50 bp is 98.505, so 98.50."""
    market = market_of(QUIET, QUIET)
    day, opening = (sold(market, signals=((1, when),), costs=DEAR) for when in (MIDDAY, BEFORE_OPEN))
    assert day is not None
    assert opening is not None
    assert (day.exit, opening.exit) == (Decimal("99.30"), Decimal("98.50"))


@pytest.mark.parametrize(
    ("signals", "fraction"),
    [(((0, -0.2),), BEFORE_OPEN), (((0, 0.2),), 0.5), (((0, 0.1),), BEFORE_OPEN)],
    ids=["said before the decision", "said earlier in the session", "said before the entry filled"],
)
def test_a_signal_that_found_nothing_to_sell_ends_nothing(
    signals: tuple[tuple[int, float], ...], fraction: float
) -> None:
    """The entry fills at the limit of 100 after a quarter of the session, or later: the bar opens at 103."""
    assert sold(market_of((103.0, 104.0, 99.0, 99.0), QUIET), signals=signals, fraction=fraction) is None


@pytest.mark.parametrize("sells", [True, False])
def test_an_entry_that_has_not_filled_when_the_latch_moves_is_withdrawn(sells: bool) -> None:
    """The path from 103 to 97 is at the limit of 100 after a sixth of the session."""
    market = market_of((103.0, 104.0, 97.0, 99.0), QUIET)
    for when, withdrawn in ((BEFORE_OPEN / 2, True), (0.1, True), (0.2, False)):
        found = sold(market, latched=((0, when),), sells=sells)
        assert (found is not None and found.reason == "never_filled") == withdrawn, when


def test_a_halted_desk_sells_nothing() -> None:
    assert sold(market_of(QUIET, QUIET), latched=((1, MIDDAY),), sells=False) is None


def test_the_sale_for_everything_comes_before_the_horizon_and_the_signal_at_the_same_open() -> None:
    market = market_of(*[QUIET] * 12)
    found = sold(market, signals=((9, BEFORE_OPEN),), latched=((9, BEFORE_OPEN),))
    later = sold(market, signals=((9, BEFORE_OPEN),))
    assert found is not None
    assert later is not None
    assert (found.reason, later.reason) == ("drawdown", "time")


def test_dividends_of_the_sessions_it_is_held_over_are_paid_and_rounded_as_the_account_s_are() -> None:
    """Ten shares: 0.5 a share on the second day, 0.00004 on the last; the first day is too early."""
    paid = {"AAPL": {0: 9.0, 1: 0.5, 2: 0.00004}}
    market = small_market({"AAPL": [QUIET, QUIET, (98.0, 110.0, 90.0, 96.0), QUIET]}, dividends=paid)
    bars = ShadowMarket(market.panel, market.hours, FREE, dividends=dividends_of(market))
    found = bars.ending_of(shadow(market, horizon=2), final=False)
    assert found is not None
    assert (found.exit, found.reason, found.dividends) == (Decimal(98), "time", Decimal("5.0004"))
    assert found.gained(Decimal(10)) == Decimal("-5.04"), "ten dollars lost, five paid, four cents of fees"


def test_a_shadow_from_before_a_split_ends_as_if_its_bars_had_not_been_adjusted() -> None:
    """Two for one on the second day halves all bars that are stored of the first; the shadow keeps its own shares."""
    halved = market_of(tuple(price / 2 for price in QUIET), (49.5, 54.0, 49.0, 53.5))

    def doubled(ticker: str, first: date, last: date) -> Fraction:
        return Fraction(2 if ticker == "AAPL" and first < halved.hours[1].session <= last else 1)

    found = ShadowMarket(halved.panel, halved.hours, FREE, splits=doubled).ending_of(shadow(halved), final=False)
    plain = ending(market_of(QUIET, (99.0, 108.0, 98.0, 107.0)))
    assert found == replace(plain, fees=found.fees if found else plain.fees)
    assert (plain.entry, plain.exit, plain.reason) == (Decimal(99), Decimal(107), "target")
    fresh = replace(shadow(halved), opened_session=halved.hours[1].session)
    kept = ShadowMarket(halved.panel, halved.hours, FREE, splits=doubled).ending_of(fresh, final=False)
    assert kept is not None
    assert kept.entry == Decimal("49.5"), "what was decided after it is in its prices already"
