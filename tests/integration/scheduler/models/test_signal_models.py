"""Signal models from training to trading: by schedule and by command, who proposes, what is watched and refused."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenthman_rehearsal import small_config

from tenthman.cli.options import instant
from tenthman.config import Config
from tenthman.data.bars import BarStore
from tenthman.data.calendar import sessions_between
from tenthman.data.market import MarketHistory, known_at_close
from tenthman.data.universe import sp100
from tenthman.db.pool import Pool, open_pool
from tenthman.decision import prepare
from tenthman.domain.audit import EventKind, RunKey
from tenthman.domain.canonical import canonical_json
from tenthman.domain.errors import ConfigError, DataCorrupt, DataMissing
from tenthman.domain.market import MarketData, MarketKind, Period, Universe
from tenthman.domain.opinion import Action
from tenthman.domain.order import Book, TradingState
from tenthman.exchange.practice import make_practice_market
from tenthman.ml import roles
from tenthman.ml.promotion import passes
from tenthman.ml.roles import Change, ModelRole
from tenthman.ml.trials import trials
from tenthman.ml.tuning import Trial
from tenthman.scheduler.gathering.known import KnownMarket, known_market, live_market
from tenthman.scheduler.models.challenger import LiveModels, WatchedSight, live_models, live_rank_ics, newest_run_of
from tenthman.scheduler.models.drift import drift_of, require_after_training
from tenthman.scheduler.models.forecast import forecast, last_closes
from tenthman.scheduler.models.signal_model import (
    expiry_of,
    registry_of,
    scheduled_models,
    start_of,
    train_on,
    trained_model,
    training_material,
)
from tenthman.scheduler.models.trainer import Trained, gate_of, promote, span_of, train_market
from tenthman.scheduler.state.ledger import Ledger

UNTIL = date(2019, 11, 29)
NEXT = date(2019, 12, 2)
KNOWN = date(2019, 12, 24)
FEW = {"max_rounds": 8, "min_history_sessions": 330, "history_sessions": 450}


@cache
def few_names() -> MarketData:
    """Sixteen names of the practice market over two years and a quarter, and its index."""
    market = make_practice_market(7, "planted", sessions_between(date(2018, 1, 2), date(2020, 3, 27)))
    whole = [
        ticker
        for ticker in market.panel.tickers
        if np.isfinite(market.panel.close[:, market.panel.column(ticker)]).all()
    ]
    chosen = tuple([ticker for ticker in whole if ticker != market.universe.index_ticker][:16])
    listings = tuple(item for item in market.universe.listings if item.ticker in chosen)
    return replace(
        market,
        provenance=replace(market.provenance, content_hash="f" * 64),
        panel=market.panel.select((*chosen, market.universe.index_ticker)),
        headlines=tuple(item for item in market.headlines if set(item.tickers) & set(chosen[:4])),
        universe=Universe(listings=listings, index_ticker=market.universe.index_ticker),
        dividends=None,
    )


def close_of(day: date) -> datetime:
    return next(item.close_at for item in few_names().hours if item.session == day)


def sessions() -> list[date]:
    return few_names().panel.sessions.tolist()


def configured(home: Path, **signal: object) -> Config:
    config = small_config(home)
    walk = config.models.signal.walk_forward.model_copy(update={"folds": 2})
    changed = config.models.signal.model_copy(update={**FEW, "walk_forward": walk, **signal})
    return replace(config, models=config.models.model_copy(update={"signal": changed}))


@dataclass
class Notes:
    stages: list[str] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def trial(self, trial: Trial, total: int) -> None:
        assert trial.number <= total
        self.trials.append(trial)


@pytest.fixture(scope="module")
def pool(database_url: str) -> Iterator[Pool]:
    """A database that the tests of this module share."""
    name = f"test_{uuid.uuid4().hex}"
    template = str(conninfo_to_dict(database_url)["dbname"])
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        config = small_config(Path("/nowhere"))
        with open_pool(make_conninfo(database_url, dbname=name), config.settings.database) as opened:
            yield opened
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return configured(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def market(pool: Pool) -> KnownMarket:
    return known_market(pool, few_names(), close_of(KNOWN))


@pytest.fixture(scope="module")
def trained(config: Config, pool: Pool, market: KnownMarket) -> Trained:
    span = span_of(sessions(), None, UNTIL, config)
    return train_market(config, pool, market, span, whole=True, tune_trials=None, watcher=Notes())


def test_a_trained_model_is_judged_kept_and_watched(trained: Trained, config: Config, pool: Pool) -> None:
    assert not trained.known_before
    assert trained.manifest["trained_until"] == UNTIL.isoformat()
    assert trained.manifest["expires"] == expiry_of(UNTIL, 126).isoformat() == "2020-06-02"
    assert len(trained.evaluation["walk_forward"]["folds"]) == 2
    assert trained.evaluation["paper"]["sessions"] > 50
    assert trained.trials.n == 1
    assert trained.trials.with_sharpe == (trained.evaluation["paper"]["sharpe"] is not None)
    assert roles.challengers(pool, trained.manifest["market_id"]) == (trained.version,)
    assert {check.rule for check in trained.checks} == {
        "deflated_sharpe", "calibration_error", "rank_ic_low", "worst_fold_rank_ic",
    }  # fmt: skip
    place = config.home / "models" / trained.version
    assert json.loads((place / "manifest.json").read_text())["version"] == trained.version


def test_training_again_finds_the_same_and_so_does_a_run_that_begins_then(
    trained: Trained, config: Config, pool: Pool, market: KnownMarket
) -> None:
    notes = Notes()
    span = span_of(sessions(), None, UNTIL, config)
    again = train_market(config, pool, market, span, whole=True, tune_trials=None, watcher=notes)
    assert again.known_before
    assert notes.stages == ["computing features and labels"]
    assert (again.version, again.manifest, again.trials) == (trained.version, trained.manifest, trained.trials)
    view = market.history.serve(start_of(NEXT))
    assert trained_model(config, pool, market.market_id, market.content_hash, view).version == trained.version


def test_nothing_after_the_last_session_is_touched(trained: Trained, config: Config, market: KnownMarket) -> None:
    whole = few_names()
    cut = int(np.searchsorted(whole.panel.sessions, np.datetime64(NEXT, "D")))
    fields = {name: getattr(whole.panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for values in fields.values():
        values[cut:] *= 3.0
    other = replace(whole.panel, **fields)
    history = MarketHistory(
        other, known_at_close(whole), market.history.serve(start_of(NEXT)).news, whole.universe, whole.hours
    )
    material = training_material(config, market.content_hash, history.serve(start_of(NEXT)))
    artefact = (config.home / "models" / trained.version / "model.ubj").read_bytes()
    assert train_on(config, material).artefact == artefact


def test_tuning_counts_every_trial_and_keeps_the_best(config: Config, pool: Pool, market: KnownMarket) -> None:
    before, notes = trials(pool, market.market_id).n, Notes()
    span = span_of(sessions(), date(2018, 6, 1), UNTIL, config)
    done = train_market(config, pool, market, span, whole=False, tune_trials=2, watcher=notes)
    assert [trial.number for trial in notes.trials] == [1, 2]
    assert trials(pool, market.market_id).n == before + 3
    assert done.tuned is not None
    inputs = done.manifest["inputs"]["settings"]
    assert inputs["history_sessions"] == span.count
    assert inputs["max_depth"] == done.tuned.settings.max_depth
    assert done.evaluation["walk_forward"]["folds"][0]["first_session"] > "2019-09-01"


def test_a_challenger_takes_over_only_past_the_gate(
    trained: Trained, config: Config, pool: Pool, market: KnownMarket
) -> None:
    registry = registry_of(config, pool)
    assert not passes(promote(config, registry, trained.version, "a test", "person: tester"))
    assert roles.champion(pool, market.market_id) is None
    open_gate = config.models.promotion.model_copy(
        update={
            "min_deflated_sharpe": 0.0,
            "max_calibration_error": 1.0,
            "min_rank_ic": -1.0,
            "min_worst_fold_rank_ic": -1.0,
        }
    )
    easy = replace(config, models=config.models.model_copy(update={"promotion": open_gate}))
    assert passes(promote(easy, registry, trained.version, "a test", "person: tester"))
    assert roles.champion(pool, market.market_id) == trained.version
    (event,) = [item for item in roles.role_events(pool, market.market_id) if item.role is ModelRole.CHAMPION]
    assert [check["passed"] for check in event.checks] == [True] * 4
    assert event.changed_by == "person: tester"


def test_a_model_that_was_never_judged_does_not_pass(config: Config, pool: Pool, market: KnownMarket) -> None:
    view = market.history.serve(start_of(date(2019, 10, 1)))
    version = trained_model(config, pool, market.market_id, market.content_hash, view).version
    checks = gate_of(config, registry_of(config, pool), version)
    assert {check.observed for check in checks} == {"not measured"}
    assert not passes(checks)


def test_a_schedule_trains_on_what_was_known_before_each_of_its_models(
    config: Config, pool: Pool, market: KnownMarket
) -> None:
    traded = [day for day in sessions() if date(2019, 10, 1) <= day <= date(2019, 12, 13)]
    every = replace(config, models=config.models.model_copy(update={
        "signal": config.models.signal.model_copy(update={"retrain_sessions": 21})
    }))  # fmt: skip
    found = scheduled_models(every, pool, market.market_id, market.content_hash, market.history, traded)
    assert [item.first_session for item in found] == traded[::21]
    registry = registry_of(config, pool)
    for item in found:
        before = [day for day in sessions() if day < item.first_session]
        assert registry.manifest(item.model.version)["trained_until"] == before[-1].isoformat()
    assert len({item.model.version for item in found}) == len(found) == 3
    once = scheduled_models(config, pool, market.market_id, market.content_hash, market.history, traded)
    assert [item.model.version for item in once] == [found[0].model.version]
    with pytest.raises(ValueError, match="`sessions` must not be empty"):
        scheduled_models(config, pool, market.market_id, market.content_hash, market.history, [])


def test_signals_are_the_same_bits_after_every_reload(
    trained: Trained, config: Config, pool: Pool, market: KnownMarket
) -> None:
    at = datetime(2019, 12, 2, 14, 0, tzinfo=UTC)
    said = {canonical_json(forecast(config, pool, market, at, trained.version)) for _ in range(2)}
    assert len(said) == 1
    found = forecast(config, pool, market, at, trained.version)
    assert (found.session, found.model_version, found.expired) == (UNTIL, trained.version, False)
    assert len(found.signals) == len(market.history.serve(at).members()) >= 15
    excess = [item.excess for item in found.signals]
    assert excess == sorted(excess, reverse=True)
    assert all(len(item.contributions) == 5 for item in found.signals)
    view = market.history.serve(at)
    live = prepare(view, registry_of(config, pool).load(trained.version), last_closes(view), config).signals
    assert {item.ticker: (item.action, item.p_buy) for item in live} == {
        item.ticker: (item.action, item.p_buy) for item in found.signals
    }


def test_a_model_may_not_know_what_it_is_asked_about(
    trained: Trained, config: Config, pool: Pool, market: KnownMarket
) -> None:
    early = datetime(2019, 10, 1, 14, 0, tzinfo=UTC)
    with pytest.raises(ConfigError, match=f"trained until {UNTIL}"):
        forecast(config, pool, market, early, trained.version)
    chosen = forecast(config, pool, market, early, None)
    assert chosen.trained_until <= chosen.session < UNTIL
    with pytest.raises(DataMissing, match="xgb-none"):
        forecast(config, pool, market, early, "xgb-none")
    with pytest.raises(DataMissing, match="after the market's first session"):
        forecast(config, pool, market, datetime(2018, 1, 1, tzinfo=UTC), None)


def test_an_expired_model_proposes_no_entries(config: Config, pool: Pool, market: KnownMarket, tmp_path: Path) -> None:
    short = configured(config.home, expires_after_sessions=1, seed=11)
    view = market.history.serve(start_of(date(2019, 11, 1)))
    version = trained_model(short, pool, market.market_id, market.content_hash, view).version
    assert registry_of(short, pool).manifest(version)["expires"] == "2019-11-01"
    fresh = forecast(short, pool, market, datetime(2019, 11, 1, 13, 0, tzinfo=UTC), version)
    late = forecast(short, pool, market, datetime(2019, 11, 4, 14, 0, tzinfo=UTC), version)
    assert any(item.action is Action.BUY for item in fresh.signals)
    assert late.expired
    assert not any(item.action is Action.BUY for item in late.signals)


@dataclass
class FixedSight:
    """Prepares from a history, and remembers nothing."""

    market: KnownMarket
    config: Config

    def prepare(self, at, model, book):
        view = self.market.history.serve(at)
        return prepare(view, model, last_closes(view), self.config)

    def after_close(self, at) -> None:
        pass


BOOK = Book(
    as_of=datetime(2020, 1, 6, 14, 0, tzinfo=UTC),
    equity=Decimal(100_000),
    cash=Decimal(100_000),
    peak_equity=Decimal(100_000),
    day_start_equity=Decimal(100_000),
    week_start_equity=Decimal(100_000),
    bought=Decimal(0),
    since_stop={},
    positions=(),
    pending=(),
    exiting=frozenset(),
    state=TradingState.ACTIVE,
)


def test_live_the_champions_recipe_carries_on_and_another_is_only_watched(
    config: Config, pool: Pool, tmp_path: Path
) -> None:
    other_market = replace(few_names(), provenance=replace(few_names().provenance, content_hash="e" * 64))
    market = known_market(pool, other_market, close_of(date(2020, 3, 27)))

    def models(day: date, **signal: object) -> LiveModels:
        changed, begun = configured(config.home, **signal), start_of(day)
        view = market.history.serve(begun)
        return live_models(changed, pool, market.market_id, market.content_hash, view, begun)

    first = models(date(2019, 11, 1), expires_after_sessions=20)
    second = models(date(2019, 12, 2), expires_after_sessions=20)
    assert first.champion.version != second.champion.version
    third = models(date(2019, 12, 2), seed=12)
    assert third.champion.version == second.champion.version
    (challenger,) = third.challengers
    events = [(event.version, event.role.value) for event in roles.role_events(pool, market.market_id)]
    assert events == [
        (first.champion.version, "champion"),
        (first.champion.version, "retired"),
        (second.champion.version, "champion"),
        (challenger.version, "challenger"),
    ]
    key = RunKey(config_hash=config.hash, model_version=third.champion.version, data_hash="d")
    begun = start_of(date(2019, 12, 2))
    with Ledger.start(
        pool, market_id=market.market_id, world="paper", account_id="a",
        period=Period(first=NEXT, last=date(2020, 3, 2)), key=key,
        starting_cash=Decimal(100_000), at_wall=begun, at_market=begun,
    ) as ledger:  # fmt: skip
        sight = WatchedSight(FixedSight(market, config), third, config, pool, market.history.serve, ledger)
        days = [item for item in few_names().hours if NEXT <= item.session <= date(2020, 1, 3)]
        bought, asked = {}, 0
        for hours in days:
            morning = hours.open_at - timedelta(minutes=30)
            prepared = sight.prepare(morning, third.champion, BOOK)
            asked += len(prepared.signals)
            bought[hours.session] = sum(item.action is Action.BUY for item in prepared.signals)
        sight.after_close(days[-1].close_at)
        unread = replace(third, champion=replace(third.champion, feature_set_hash="0" * 64))
        blind = WatchedSight(FixedSight(market, config), unread, config, pool, market.history.serve, ledger)
        blind.after_close(days[-1].close_at)
    assert third.manifest["expires"] == "2019-12-30"
    assert all(count > 0 for day, count in bought.items() if day <= date(2019, 12, 30))
    assert all(count == 0 for day, count in bought.items() if day > date(2019, 12, 30))
    with pool.connection() as connection:
        alerts = connection.execute(
            "SELECT subject, payload FROM audit_events WHERE run_id = %s AND kind = %s",
            [ledger.run_id, EventKind.ALERT.value],
        ).fetchall()
        stored = connection.execute(
            "SELECT version, count(*) FROM shadow_signals WHERE run_id = %s GROUP BY version", [ledger.run_id]
        ).fetchall()
    expired = [json.loads(payload) for subject, payload in alerts if subject == "model expired"]
    assert [item["expired"] for item in expired] == ["2019-12-30"] * 3
    assert all(item["entries_refused"] > 0 for item in expired)
    (unmeasured,) = [json.loads(payload) for subject, payload in alerts if subject == "drift not measured"]
    assert "must be set 000000000000" in unmeasured["cause"], "the close goes on without it"
    assert dict(stored) == dict.fromkeys((third.champion.version, challenger.version), asked)
    assert newest_run_of(pool, third.champion.version, challenger.version) == str(ledger.run_id)
    found = live_rank_ics(config, pool, ledger.run_id, few_names().panel)
    assert all(len(days) - 2 <= decay.sessions <= len(days) for decay in found.values())
    assert all(decay.recent is not None and -1 < decay.recent < 1 for decay in found.values())


def test_drift_is_measured_on_what_came_after_training(
    trained: Trained, config: Config, pool: Pool, market: KnownMarket
) -> None:
    model = registry_of(config, pool).load(trained.version)
    calm = drift_of(config, model, trained.manifest, market.history.serve(close_of(KNOWN)))
    assert {item.feature for item in calm.features} == set(model.feature_names)
    assert 0 < calm.rank_ic.sessions <= sum(UNTIL < day <= KNOWN for day in sessions()) - 10
    assert "return_20" in {item.feature for item in calm.behind}
    at_training = drift_of(config, model, trained.manifest, market.history.serve(start_of(NEXT)))
    assert at_training.rank_ic.sessions == 0
    assert not any("rank IC" in alert for alert in at_training.alerts)


def test_drift_is_not_told_of_what_the_model_was_trained_on(trained: Trained, market: KnownMarket) -> None:
    require_after_training(trained.manifest, market.history.serve(close_of(UNTIL)))
    with pytest.raises(ConfigError, match=f"must not be before {UNTIL}.* was 2019-11-27"):
        require_after_training(trained.manifest, market.history.serve(close_of(date(2019, 11, 27))))


def test_a_model_of_another_feature_set_is_refused(
    trained: Trained, config: Config, pool: Pool, market: KnownMarket
) -> None:
    model = replace(registry_of(config, pool).load(trained.version), feature_set_hash="0" * 64)
    with pytest.raises(DataCorrupt, match=f"model {trained.version}: `features` must be set 000000000000"):
        drift_of(config, model, trained.manifest, market.history.serve(start_of(NEXT)))


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2019, 12, 2), date(2019, 11, 1), "`--from` must not be after `--until` 2019-11-01, was 2019-12-02"),
        (None, date(2019, 3, 1), "at least 340 sessions"),
        (date(2019, 9, 2), None, "at least 340 sessions"),
        (None, date(2031, 3, 3), "`--until` must lie in the market's sessions 2018-01-02..2020-03-27, was 2031-03-03"),
        (date(2001, 3, 1), None, "`--from` must lie in the market's sessions"),
    ],
)
def test_a_span_that_cannot_be_trained_on_is_refused(
    config: Config, first: date | None, last: date | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        span_of(sessions(), first, last, config)


def test_what_the_live_desk_has_stored_can_be_trained_on_and_looked_at(config: Config, pool: Pool) -> None:
    at = close_of(KNOWN)
    with pytest.raises(ConfigError, match="`--market live` has no bars yet"):
        live_market(pool, at)
    market, real = few_names(), sp100()
    names = [item.ticker for item in real.members(KNOWN)][: len(market.panel.tickers) - 1]
    store = BarStore(pool, "live")
    provenance = replace(market.provenance, kind=MarketKind.LIVE, content_hash="live")
    store.save_market(provenance, real)
    store.load_panel(replace(market.panel, tickers=(*names, real.index_ticker)), known_at_close(market))
    known = live_market(pool, at)
    assert known.history.serve(at).last_session == KNOWN
    span = span_of(known.history.serve(at).panel.sessions.tolist(), None, UNTIL, config)
    done = train_market(config, pool, known, span, whole=True, tune_trials=None, watcher=Notes())
    assert roles.challengers(pool, "live") == (done.version,)
    found = forecast(config, pool, known, at, done.version)
    assert {item.ticker for item in found.signals} == set(names)


def test_an_instant_without_a_zone_is_utc_and_nonsense_is_refused() -> None:
    assert instant("2019-06-03") == instant("2019-06-03T00:00:00Z") == datetime(2019, 6, 3, tzinfo=UTC)
    assert instant("2019-06-03T09:00:00-04:00") == datetime(2019, 6, 3, 13, 0, tzinfo=UTC)
    with pytest.raises(ConfigError, match="was 'yesterday'"):
        instant("yesterday")


def test_giving_back_the_role_needs_one_to_give_it_to(pool: Pool) -> None:
    change = Change(reason="a test", changed_by="person: tester", at=datetime(2020, 1, 6, tzinfo=UTC))
    with pytest.raises(DataMissing, match="had 0"):
        roles.rollback(pool, "nowhere", change)
