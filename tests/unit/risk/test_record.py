"""Every check that risk made is on record in words: what was seen, what was asked for, and which one bound."""

from tenthman_risk import a_book, a_candidate, a_position, assessed, house_rules

from tenthman.domain.canonical import canonical_json
from tenthman.domain.findings import Check
from tenthman.domain.order import Denial, SizedOrder, TradingState

EVERY_RULE = house_rules(
    gap_allowance_fraction=0.01,
    max_turnover_fraction=0.5,
    cool_off_sessions=2,
    cluster={"correlation": 0.7, "sessions": 60, "max_fraction": 0.2},
    data_quality={"sessions": 20, "max_faults": 0},
    blackout={"dates": (), "earnings": (), "sessions_before": 1},
)


def written(found: SizedOrder | Denial) -> list[tuple[str, str, str]]:
    return [(check.rule, check.observed, check.limit) for check in found.checks]


def test_an_entry_tells_all_that_every_rule_saw() -> None:
    order = assessed(book=a_book(positions=(a_position(),)), rules=EVERY_RULE)
    assert isinstance(order, SizedOrder)
    assert written(order) == [
        ("trading_state", "active", "active"),
        ("equity_known", "100000.00", "above 0"),
        ("drawdown", "0.0000", "below 0.03"),
        ("max_entries_per_run", "1", "at most 6"),
        ("not_already_held", "free", "free"),
        ("max_positions", "2", "at most 15"),
        ("max_positions_per_issuer", "1", "at most 1"),
        ("min_price_usd", "100.00", "at least 5.00"),
        ("min_dollar_volume_usd", "500000000", "at least 5000000"),
        ("data_quality", "0 bars at fault", "at most 0"),
        ("blackout", "no blackout", "no blackout"),
        ("cool_off_sessions", "never stopped", "at least 3"),
        ("risk_fraction_per_trade", "0.00 used", "500.00"),
        ("max_open_risk_fraction", "250.00 used", "3000.00"),
        ("drawdown_budget", "250.00 used", "3000.00"),
        ("max_position_fraction", "0.00 used, 100.00 a share", "6500.00"),
        ("max_sector_fraction", "5000.00 used", "30000.00"),
        ("max_gross_fraction", "5000.00 used", "95000.00"),
        ("min_cash_fraction", "2000.00 used", "100000.00"),
        ("max_volume_fraction", "median volume 5000000", "5000 shares"),
        ("max_cluster_fraction", "5000.00 used", "20000.00"),
        ("max_turnover_fraction", "0.00 used", "50000.00"),
    ]
    assert [check.rule for check in order.checks if check.bound] == ["max_position_fraction"]


def test_a_denial_tells_what_closed_the_gate() -> None:
    book = a_book(positions=(a_position("ABC"),), state=TradingState.HALTED, since_stop={"ABC": 1})
    denied = assessed(candidate=a_candidate(median_volume=None), book=book, rules=EVERY_RULE, entries=6)
    assert isinstance(denied, Denial)
    assert [(check.rule, check.observed) for check in denied.checks if not check.passed] == [
        ("trading_state", "halted"),
        ("max_entries_per_run", "7"),
        ("not_already_held", "held or pending"),
        ("max_positions_per_issuer", "2"),
        ("min_dollar_volume_usd", "unknown"),
        ("cool_off_sessions", "1 sessions since a stop"),
    ]


def test_the_tightest_cap_tells_what_a_share_may_lose() -> None:
    order = assessed(rules=house_rules(max_position_fraction=0.9, gap_allowance_fraction=0.01))
    (bound,) = [check for check in order.checks if check.bound]
    assert bound == Check(
        rule="risk_fraction_per_trade", observed="0.00 used, 5.00 a share", limit="500.00", passed=True, bound=True
    )


def test_a_rule_that_is_off_leaves_no_check() -> None:
    order = assessed()
    assert len(order.checks) == len(list(order.checks)) == 17
    assert not {"data_quality", "blackout", "max_cluster_fraction"} & {check.rule for check in order.checks}


def test_a_record_is_as_good_as_a_tuple_of_its_checks() -> None:
    one, other = assessed().checks, assessed().checks
    plain = tuple(one)
    assert one == other == plain
    assert hash(one) == hash(plain)
    assert repr(one) == repr(plain)
    assert one[-1] is plain[-1]
    assert one[:2] == plain[:2]
    assert one != plain[:-1]
    assert canonical_json(one) == canonical_json(plain)
