"""A trade's whole story, read back from the record: headline, features, model, prompts, checks, orders, fills, P&L."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tenthman.agents.prose import printable
from tenthman.agents.vocabulary import VOCABULARY
from tenthman.db.pool import Pool, named_rows
from tenthman.db.sql import load_queries
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import ConfigError
from tenthman.scheduler.outcomes.slippage import read_fills
from tenthman.scheduler.state.ledger import Ledger, newest_run
from tenthman.scheduler.state.share_changes import group_of

_SQL = load_queries("tenthman.scheduler.outcomes", "story.sql")

Row = Mapping[str, Any]
"""One row of the record by column name: instants aware UTC, money Decimal, JSON as dicts and lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run as it is stored; `summary` is None until it ended."""

    run_id: str
    key_hash: str
    market_id: str
    market_kind: str
    market_name: str
    world: str
    account_id: str | None
    first_session: date
    last_session: date
    config_hash: str
    model_version: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    reached: datetime | None
    summary: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One round trip; prices and sums in USD, `realised_usd` after fees, `quantity` what is still held."""

    decision_id: str
    ticker: str
    opened_session: date
    opened_at: datetime
    closed_at: datetime | None
    exit_reason: str | None
    bought: Decimal
    quantity: Decimal
    avg_entry_price: Decimal
    avg_exit_price: Decimal | None
    fees_usd: Decimal
    realised_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStory:
    """All that is on record about one decision, and about the trade that came of it (`position` None: none did).

    `critiques` carry the prompt and the raw reply where a model was asked; `case` is all that the critics knew;
    an undefined feature is None; `fills` carry what was expected of them (`scheduler.outcomes.slippage`).
    `changes` are the splits and new names that the trade went through.
    """

    run: RunRow
    decision: Row
    case: Row | None
    news: tuple[Row, ...]
    features: Row | None
    model: Row
    critiques: tuple[Row, ...]
    orders: tuple[Row, ...]
    fills: tuple[Row, ...]
    position: TradeRow | None
    changes: tuple[str, ...] = ()


def latest_run(pool: Pool, run: str | None = None) -> RunRow:
    """The newest run, or the newest whose id begins with `run`. Raises ConfigError naming some when there is none."""
    rows = _rows(pool, "latest_run", run=run)
    if rows:
        return RunRow(**rows[0])
    known = [row["run_id"] for row in _rows(pool, "some_runs")]
    if not known:
        raise ConfigError("there is no run yet: `tenthman rehearse` makes one")
    raise ConfigError(f"`run` must name a run such as {', '.join(known)}, was {run!r}")


def paper_run(pool: Pool, run: str | None) -> str | None:
    """Id of the run that `run` begins, or (None) of the newest paper run; None where there is none of those."""
    return newest_run(pool, world="paper") if run is None else latest_run(pool, run).run_id


def require_paper_run(pool: Pool, run: str | None) -> str:
    """As `paper_run`; ConfigError where there is none."""
    found = paper_run(pool, run)
    if found is None:
        raise ConfigError("there is no paper run yet; name another run with --run")
    return found


def list_trades(pool: Pool, run: str | None) -> tuple[TradeRow, ...]:
    """The trades of a run (None: the newest), in the order in which they were opened."""
    return tuple(TradeRow(**row) for row in _rows(pool, "trades", run=latest_run(pool, run).run_id))


def find_trade(pool: Pool, run: str | None, identity: str) -> tuple[str, str]:
    """Run and decision that `identity` means: a decision's id, an order's id, or a ticker (then its newest trade).

    Raises ConfigError listing the tickers that were traded when nothing fits.
    """
    run_id = latest_run(pool, run).run_id
    rows = _rows(pool, "find_decision", run=run_id, identity=identity)
    if rows:
        return run_id, str(rows[0]["id"])
    traded = dict.fromkeys(trade.ticker for trade in list_trades(pool, run_id))
    raise ConfigError(
        f"run {run_id} has no decision, order or ticker {identity!r}; it traded {', '.join(traded) or 'nothing'}"
    )


def trade_story(pool: Pool, run_id: str, decision_id: str) -> TradeStory:
    """The story of one decision. Raises ConfigError when the run has no such decision."""
    run = latest_run(pool, run_id)
    found = _rows(pool, "decision", run=run.run_id, decision=decision_id)
    if not found:
        raise ConfigError(f"run {run.run_id} has no decision {decision_id!r}")
    decision = found[0]
    case = _first(_rows(pool, "case", case=decision["case_hash"]))
    body = None if case is None else case["body"]
    items = [] if body is None else [passage["item_id"] for passage in body["passages"]]
    moment = {"market": run.market_id, "as_of": decision["as_of"]}
    orders = _rows(pool, "orders", run=run.run_id, decision=decision_id)
    position = _first(_rows(pool, "position", run=run.run_id, decision=decision_id))
    return TradeStory(
        run=run,
        decision=decision,
        case=body,
        news=_rows(pool, "news", items=items, **moment),
        features=_without_nan(_first(_rows(pool, "features", ticker=decision["ticker"], **moment))),
        model=_rows(pool, "model", version=decision["model_version"])[0],
        critiques=_rows(pool, "critiques", run=run.run_id, decision=decision_id),
        orders=orders,
        fills=tuple(read_fills(pool, run.run_id, [order["client_order_id"] for order in orders])),
        position=None if position is None else TradeRow(**position),
        changes=() if position is None else _changes(pool, run.run_id, TradeRow(**position)),
    )


def _changes(pool: Pool, run_id: str, trade: TradeRow) -> tuple[str, ...]:
    """Splits and new names that the trade went through, in order of time."""
    every = Ledger.attach(pool, run_id).share_changes()
    names = group_of(trade.ticker, every)
    return tuple(
        item.text
        for item in every
        if item.ticker in names
        and trade.opened_at < item.since
        and (trade.closed_at is None or item.since <= trade.closed_at)
    )


def decisions_digest(pool: Pool, run_id: str) -> str:
    """SHA-256 over all decisions, orders and fills of a run in order: two runs that agree have the same.

    Names that only a broker gives (its order, leg and execution ids) and all wall-clock times are left out.
    """
    parts = ("decided", "ordered", "filled")
    return content_hash({part: [list(row.values()) for row in _rows(pool, part, run=run_id)] for part in parts})


def story_lines(story: TradeStory) -> Iterator[str]:
    """The story as text, in the order in which things happened."""
    decision = story.decision
    yield f"trade {decision['id']}  ({decision['ticker']}, run {story.run.run_id}, {story.run.market_name})"
    yield f"decided {decision['as_of']:%Y-%m-%d %H:%M} UTC in the {decision['slot']} run of {decision['session']}"
    yield from _section("headlines known then", map(_news_line, story.news))
    yield from _section("features known then", _feature_lines(story.features))
    yield from _section("model", [f"{story.model['version']}, trained until {story.model['trained_until']}"])
    yield from _section("signal", _signal_lines(story))
    yield from _section("case as put to all agents", _shared_prompt(story.critiques))
    yield from _section("committee", (line for critique in story.critiques for line in _critique_lines(critique)))
    verdict = {name: value for name, value in decision["verdict_detail"].items() if name != "kind"}
    yield from _section("verdict", [f"{decision['verdict']} {verdict}"])
    yield from _section("risk checks", map(_check_line, decision["checks"]))
    yield from _section("orders", map(_order_line, story.orders))
    yield from _section("fills", map(_fill_line, story.fills))
    yield from _section("result", [*_result_lines(story.position), *map(_change_line, story.changes)])


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield title
    empty = True
    for line in lines:
        empty = False
        yield f"  {line}"
    if empty:
        yield "  (none)"


def _news_line(item: Row) -> str:
    return (
        f"{item['known_at']:%Y-%m-%d %H:%M} {item['source']}: {item['headline']} (sentiment {item['sentiment']:+.2f})"
    )


def _feature_lines(features: Row | None) -> Iterator[str]:
    if features is not None:
        for name, value in zip(features["names"], features["values"], strict=True):
            yield f"{name:<32} {'undefined' if value is None else format(value, '.6g'):>14}"


def _signal_lines(story: TradeStory) -> Iterator[str]:
    signal = None if story.case is None else story.case["signal"]
    if signal is not None:
        yield (
            f"{signal['action']}: p(buy) {signal['p_buy']:.3f}, p(hold) {signal['p_hold']:.3f}, "
            f"p(sell) {signal['p_sell']:.3f} over {signal['horizon_sessions']} sessions"
        )
        for item in signal["contributions"]:
            yield f"{item['feature']:<32} {item['contribution']:>+14.4f}"


def _shared_prompt(critiques: tuple[Row, ...]) -> list[str]:
    """What every agent was told, once; nothing where no model was asked."""
    prompts = [critique["prompt"] for critique in critiques if critique["prompt"] is not None]
    return str(prompts[0].get("shared", "")).splitlines() if prompts else []


def _critique_lines(critique: Row) -> Iterator[str]:
    weight = "binding" if critique["binding"] else "advisory"
    said = (
        f"{critique['stance']} at {critique['confidence_pct']} %" if critique["state"] == "answered" else "no opinion"
    )
    yield f"{critique['role']} ({critique['model']}, {weight}, {critique['state']}): {said}"
    for code in critique["reasons"]:
        yield f"  {code}: {VOCABULARY.get(code, 'not in the vocabulary')}"
    yield f"  cites {', '.join(critique['cited']) or 'nothing'}"
    if critique["invalid_citations"]:
        yield f"  cites what is not there: {', '.join(critique['invalid_citations'])}"
    if critique["prompt"] is not None:
        yield f"  prompt {critique['prompt_hash']}: {critique['prompt'].get('instruction', '')}"
        yield f"  raw reply: {printable(critique['reply'])}"


def _check_line(check: Row) -> str:
    outcome = "passed" if check["passed"] else "FAILED"
    bound = ", set the size" if check.get("bound") else ""
    return f"{check['rule']:<28} {outcome}: observed {check['observed']}, limit {check['limit']}{bound}"


def _order_line(order: Row) -> str:
    prices = [f"{name} {order[name + '_price']}" for name in ("limit", "stop", "target") if order[name + "_price"]]
    error = f" ({order['error']})" if order["error"] else ""
    return (
        f"{order['purpose']:<6} {order['side']} {order['quantity']} {order['order_type']} {', '.join(prices)}: "
        f"{order['status']}{error}  [{order['client_order_id']}]"
    )


def _fill_line(fill: Row) -> str:
    expected = "" if fill["expected_price"] is None else f" ({_against_expected(fill)})"
    return (
        f"{fill['filled_at']:%Y-%m-%d %H:%M} {fill['side']} {fill['quantity']} at {fill['price']}{expected}, "
        f"fees {fill['fees_usd']}  [{fill['execution_id']}]"
    )


def _against_expected(fill: Row) -> str:
    told = _than(fill["slippage_bp"], f"{fill['expected_price']}")
    if fill["decision_price"] in (None, fill["expected_price"]):
        return told
    decided = f"the {fill['decision_price']} of the decision"
    return f"{told}, {_than(fill['shortfall_bp'], decided)}"


def _than(points: Decimal, price: str) -> str:
    return f"{abs(points)} bp {'worse' if points > 0 else 'better'} than {price}"


def _result_lines(position: TradeRow | None) -> Iterator[str]:
    if position is None:
        return
    if position.closed_at is None:
        held, bought = _number(position.quantity), _number(position.bought)
        yield f"open: {held} held of {bought} bought at {position.avg_entry_price:.4f}"
    else:
        yield (
            f"closed {position.closed_at:%Y-%m-%d %H:%M} UTC ({position.exit_reason}): "
            f"{_number(position.bought)} from {position.avg_entry_price:.4f} to {position.avg_exit_price:.4f}"
        )
    yield f"realised {position.realised_usd:,.2f} USD after fees of {position.fees_usd:,.2f}"


def _number(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"


def _change_line(change: str) -> str:
    return f"shares changed, {change}: orders and fills before it are told in the shares of their day"


def _without_nan(features: Row | None) -> Row | None:
    """Undefined features as None: JSON has no NaN."""
    if features is None:
        return None
    return {**features, "values": [None if math.isnan(value) else value for value in features["values"]]}


def _rows(pool: Pool, query: str, **parameters: object) -> tuple[dict[str, Any], ...]:
    return tuple(named_rows(pool, _SQL[query], parameters))


def _first(rows: tuple[dict[str, Any], ...]) -> dict[str, Any] | None:
    return rows[0] if rows else None
