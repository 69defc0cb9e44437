"""What must hold in every practice market, whatever its seed."""

from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tenthman.data.calendar import sessions_between
from tenthman.domain.market import FIELDS, MarketData, MarketKind, Panel, SessionHours
from tenthman.exchange import practice_companies as firms
from tenthman.exchange import practice_events as happenings
from tenthman.exchange.practice import MIN_SESSIONS, Truth, make_practice_market, practice_range
from tenthman.exchange.practice_news import LAG, Desk

SEEDS = (1, 5, 20200106)
GOLDEN_SEED_ONE = "64908e09386c6979a7eb0dc7d2e85c03f94726278ac5f6a5a96eb8a134d359af"


@cache
def hours() -> tuple[SessionHours, ...]:
    first, last = practice_range()
    return sessions_between(first, last + timedelta(days=30))


@cache
def market(seed: int, truth: Truth = "planted") -> MarketData:
    return make_practice_market(seed, truth, hours())


def traded() -> tuple[SessionHours, ...]:
    return tuple(item for item in hours() if item.session <= practice_range()[1])


def stacked(panel: Panel) -> np.ndarray:
    return np.stack([getattr(panel, name) for name in FIELDS])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_bar_holds_its_open_and_close_within_its_range_to_the_cent(seed: int) -> None:
    panel = market(seed).panel
    present = np.isfinite(panel.close)
    opening, high, low, close, volume = (field[present] for field in stacked(panel))
    assert low.min() > 0.5
    assert (low <= np.minimum(opening, close)).all()
    assert (high >= np.maximum(opening, close)).all()
    assert_array_equal(np.round(close, 2), close)
    assert (volume >= 1).all()
    assert_array_equal(np.round(volume), volume)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bar_is_missing_only_before_listing_after_delisting_or_in_a_halt(seed: int) -> None:
    panel = market(seed).panel
    absent = ~np.isfinite(stacked(panel))
    assert_array_equal(absent.all(axis=0), absent.any(axis=0))
    expected = np.zeros(panel.close.shape, dtype=bool)
    roster = firms.companies()
    lives = firms.lifetimes(seed, roster, len(panel.sessions))
    halted = happenings.halts(seed, lives, len(panel.sessions))
    for company, life in zip(roster, lives, strict=True):
        columns = [panel.column(ticker) for ticker in company.tickers]
        expected[: life.listed.start, columns] = True
        expected[life.listed.stop :, columns] = True
    for row, company in halted:
        expected[row, [panel.column(ticker) for ticker in roster[company].tickers]] = True
    assert_array_equal(absent.any(axis=0), expected)
    assert 0 < len(halted) < 25
    assert not absent[:, :, panel.column(firms.INDEX_TICKER)].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_headlines_are_in_order_with_unique_ids_and_known_after_publication(seed: int) -> None:
    data = market(seed)
    published = [item.published_at for item in data.headlines]
    assert published == sorted(published)
    assert len({item.id for item in data.headlines}) == len(data.headlines)
    assert all(item.known_at == item.published_at + LAG for item in data.headlines)
    assert 10 <= len(data.headlines) / len(data.panel.sessions) <= 20


@pytest.mark.parametrize("seed", SEEDS)
def test_about_half_of_the_company_headlines_are_tagged_and_the_rest_name_the_company(seed: int) -> None:
    data = market(seed)
    listed = {listing.ticker: listing for listing in data.universe.listings}
    shorts = {company.short for company in firms.companies()}
    about = [item for item in data.headlines if shorts & set(item.headline.replace(",", " ").replace(":", " ").split())]
    tagged = [item for item in data.headlines if item.tickers]
    assert 0.45 < len(tagged) / len(about) < 0.55
    for item in tagged:
        assert all(any(alias in item.headline for alias in listed[ticker].aliases) for ticker in item.tickers)
    assert len(data.headlines) > 1.15 * len(about)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hundred_issuers_are_members_on_every_session(seed: int) -> None:
    data = market(seed)
    panel = data.panel
    for row in range(0, len(panel.sessions), 50):
        members = data.universe.members(panel.sessions[row].item())
        assert len({listing.issuer for listing in members}) == 100
        assert all(listing.ticker in panel.tickers for listing in members)
    gone = [listing for listing in data.universe.listings if listing.member_to is not None]
    assert len(gone) == 6
    assert len({listing.sector for listing in data.universe.listings}) == 11


def test_two_issuers_have_two_share_classes_that_move_together() -> None:
    panel = market(1).panel
    doubles = [company.tickers for company in firms.companies() if len(company.tickers) == 2]
    assert len(doubles) == 2
    for first, second in doubles:
        prices = np.log(panel.select((first, second)).close)
        moves = np.diff(prices[np.isfinite(prices).all(axis=1)], axis=0)
        assert np.corrcoef(moves.T)[0, 1] > 0.98


@pytest.mark.parametrize("seed", range(12))
def test_nobody_can_open_a_position_at_a_price_from_before_a_move_whose_headline_is_known(seed: int) -> None:
    roster, sessions = firms.companies(), traded()
    lives = firms.lifetimes(seed, roster, len(sessions))
    events = happenings.schedule(seed, lives, sessions)
    desk = Desk(seed, sessions, lives)
    assert len(events.session) > 3000
    for row, moment, first in zip(
        events.session.tolist(), events.moment.tolist(), events.first_tradable.tolist(), strict=True
    ):
        known = desk.moment(row, happenings.Moment(moment)) + LAG
        assert known > sessions[row - 1].close_at
        if first == row:
            assert known < sessions[row].open_at
        else:
            assert sessions[row].open_at < known < sessions[row].close_at


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    again = make_practice_market(1, "planted", hours())
    assert again.provenance == market(1).provenance
    assert again.headlines == market(1).headlines
    assert_array_equal(stacked(again.panel), stacked(market(1).panel))
    hashes = {market(seed, truth).provenance.content_hash for seed in SEEDS[:2] for truth in ("planted", "null")}
    assert len(hashes) == 4


def test_the_two_truths_of_a_seed_share_their_companies_events_and_halts() -> None:
    planted, null = market(1), market(1, "null")
    assert planted.universe == null.universe
    assert_array_equal(np.isnan(planted.panel.close), np.isnan(null.panel.close))
    assert abs(len(planted.headlines) - len(null.headlines)) < 20


def test_the_market_of_seed_one_is_what_it_was() -> None:
    """A snapshot: a new hash means that every practice market changed, and with it what was learnt from them."""
    assert market(1).provenance.content_hash == GOLDEN_SEED_ONE


def test_the_provenance_says_that_nothing_here_is_real() -> None:
    provenance = market(1, "null").provenance
    assert provenance.kind is MarketKind.PRACTICE
    assert provenance.name == "practice-null-seed1"
    assert "fictional" in provenance.headline
    assert market(1, "null").truth["truth"] == "null"
    assert market(1, "null").truth["drift_bp_per_session"] == "0.00"


def test_the_scenarios_are_those_of_early_2020_when_they_are_in_the_range() -> None:
    scenarios = market(1).scenarios
    assert (str(scenarios["default"].first), str(scenarios["default"].last)) == ("2020-01-06", "2020-01-31")
    assert (str(scenarios["crash"].first), str(scenarios["crash"].last)) == ("2020-02-18", "2020-03-20")


def test_the_scenarios_of_an_earlier_range_lie_inside_it_one_after_the_other() -> None:
    early = traded()[:400]
    data = make_practice_market(3, "null", early)
    default, crash = data.scenarios["default"], data.scenarios["crash"]
    days = [item.session for item in early]
    assert days.index(default.last) - days.index(default.first) == 19
    assert days.index(crash.first) == days.index(default.last) + 1
    assert days.index(crash.last) - days.index(crash.first) == 23


def test_sessions_after_the_range_are_kept_as_hours_without_bars() -> None:
    data = market(1)
    assert len(data.hours) == len(hours())
    assert len(data.panel.sessions) == len(traded())
    assert data.headlines[-1].published_at < data.hours[len(traded())].open_at


def test_the_shortest_range_makes_a_market_and_a_shorter_one_is_refused() -> None:
    assert len(make_practice_market(2, "planted", traded()[:MIN_SESSIONS]).panel.sessions) == MIN_SESSIONS
    with pytest.raises(ValueError, match=f"at least {MIN_SESSIONS} sessions .* had {MIN_SESSIONS - 1}"):
        make_practice_market(2, "planted", traded()[: MIN_SESSIONS - 1])
    with pytest.raises(ValueError, match="`seed` must be at least 0, was -1"):
        make_practice_market(-1, "planted", traded())
