"""Scorecards out of the record: every opinion of a run, and what became of the entry that it was about."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from tenthman.config import Config
from tenthman.data.bars import BarStore
from tenthman.data.calendar import sessions_between
from tenthman.data.flags import FlagStore
from tenthman.data.sources import ActionKind
from tenthman.db.pool import Pool, named_rows
from tenthman.db.sql import load_queries
from tenthman.domain.errors import ConfigError
from tenthman.domain.market import Panel, SessionHours
from tenthman.domain.opinion import ReplyState, Stance
from tenthman.scheduler.outcomes.corporate_actions import Dividends, no_dividends, no_splits, stored_splits
from tenthman.scheduler.outcomes.shadows import ShadowMarket, shadow_market
from tenthman.scheduler.outcomes.worth import AgentKey, Agreement, Card, Opinion, Twin, agreements, cards
from tenthman.scheduler.record import Ending, Shadow
from tenthman.scheduler.state.ledger import Ledger

_SQL = load_queries("tenthman.scheduler.outcomes", "scorecard.sql")

SEED = 5

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """What the critics of `runs` were worth, by agent, model and prompt version; confidence intervals at `level`.

    Entries are followed at the costs, dividends and stops that are configured now: `otherwise` are the runs that were
    made under other settings.
    """

    runs: tuple[str, ...]
    otherwise: tuple[str, ...] = ()
    entries: int
    level: float
    cards: tuple[Card, ...]
    agreements: tuple[Agreement, ...]


def scorecard(config: Config, pool: Pool, run: str | None, *, every_run: bool = False) -> Scorecard:
    """The scorecard of one run (None: the newest that put an entry to critics), or of all of them together.

    Raises ConfigError when there is no such run.
    """
    found = _rows(pool, "scored_runs", run=run, all=every_run)
    if not found:
        raise ConfigError(
            "no run has put an entry to critics yet: `tenthman rehearse` makes one"
            if run is None
            else f"`--run` must name a run that put an entry to critics, was {run!r}"
        )
    opinions = [item for row in found for item in _opinions(config, pool, row)]
    made = scorecard_of(config, tuple(row["run_id"] for row in found), opinions)
    return replace(made, otherwise=tuple(row["run_id"] for row in found if row["config_hash"] != config.hash))


def scorecard_of(config: Config, runs: tuple[str, ...], opinions: Sequence[Opinion]) -> Scorecard:
    """The scorecard of `opinions`, which are those of `runs`; equal arguments give equal intervals."""
    level = config.agents.demotion.level
    return Scorecard(
        runs=runs,
        entries=len({item.entry for item in opinions}),
        level=level,
        cards=cards(opinions, config.risk_rules.stops.horizon_sessions, level, SEED),
        agreements=agreements(opinions),
    )


def _opinions(config: Config, pool: Pool, run: Row) -> list[Opinion]:
    entries = _rows(pool, "entries", run=run["run_id"])
    final = run["status"] != "running"
    panel, _ = BarStore(pool, run["market_id"]).panel_until(run["last_session"])
    dividends = _dividends(config, pool, run, sorted({row["ticker"] for row in entries}))
    flags, sales = FlagStore(pool, run["market_id"]), Ledger.attach(pool, run["run_id"]).sales()
    splits = stored_splits(flags) if run["world"] == "paper" else no_splits
    doubted = flags.doubted(run["last_session"])
    market = shadow_market(config, panel, _hours(panel), sales, dividends, splits, doubted)
    twins = {row["decision_id"]: _followed(row, market, final=final) for row in entries}
    sessions = {row["decision_id"]: row["session"] for row in entries}
    said = _rows(pool, "opinions", run=run["run_id"])
    return [
        _opinion(run["run_id"], row, sessions[row["decision_id"]], *twins[row["decision_id"]])
        for row in said
        if row["decision_id"] in twins
    ]


def _dividends(config: Config, pool: Pool, run: Row, tickers: Sequence[str]) -> Dividends:
    """What the run's account was paid on `tickers`: a rehearsal's as configured, a paper account nothing."""
    if run["world"] != "rehearsal" or not config.settings.rehearsal.dividends:
        return no_dividends
    paid: dict[str, dict[date, float]] = {ticker: {} for ticker in tickers}
    for action in FlagStore(pool, run["market_id"]).actions(tickers, run["first_session"], run["last_session"]):
        if action.kind is ActionKind.DIVIDEND:
            paid[action.ticker][action.ex_date] = action.value
    return lambda ticker: paid.get(ticker, {})


def _followed(row: Row, market: ShadowMarket, *, final: bool) -> tuple[Twin | None, bool]:
    """The twin of an entry, and whether it goes on."""
    names = set(Shadow.__dataclass_fields__) - {"cause", "opened_session"}
    whole = Shadow(cause="twin", opened_session=row["session"], **{name: row[name] for name in names})
    ending = market.ending_of(whole, final=final)
    return (None, True) if ending is None else (twin_of(ending, whole.quantity, row["equity_usd"]), False)


def twin_of(ending: Ending, quantity: Decimal, equity: Decimal | None) -> Twin | None:
    """What `quantity` shares came to; None where they were never bought."""
    if ending.entry is None:
        return None
    return Twin(
        gained_usd=float(ending.gained(quantity)),
        notional_usd=float(ending.entry * quantity),
        equity_usd=math.nan if equity is None else float(equity),
    )


def _opinion(run_id: str, row: Row, session: Any, twin: Twin | None, is_open: bool) -> Opinion:
    return Opinion(
        key=AgentKey(
            role=row["role"], model=row["model"], model_digest=row["model_digest"], template_hash=row["template_hash"]
        ),
        entry=(run_id, row["decision_id"]),
        session=session,
        binding=row["binding"],
        state=ReplyState(row["state"]),
        stance=Stance(row["stance"]),
        size_fraction=row["size_fraction"],
        confidence_pct=row["confidence_pct"],
        seconds=row["latency_ms"] / 1000.0,
        prompt_tokens=row["prompt_tokens"],
        reply_tokens=row["reply_tokens"],
        twin=twin,
        is_open=is_open,
    )


def _hours(panel: Panel) -> tuple[SessionHours, ...]:
    """Hours of the panel's sessions by the calendar of the New York Stock Exchange."""
    if not len(panel.sessions):
        return ()
    held = set(panel.sessions.astype(object))
    return tuple(
        item for item in sessions_between(panel.sessions[0].item(), panel.sessions[-1].item()) if item.session in held
    )


def _rows(pool: Pool, query: str, **parameters: object) -> list[Row]:
    return named_rows(pool, _SQL[query], parameters)
