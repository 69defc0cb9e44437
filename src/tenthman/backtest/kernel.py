"""The compiled backtest: the desk's decision over a whole period in one loop over arrays, committee off.

Same orders, fills, equity, denials and moves of the latch as `stepwise.run_stepwise`, to the cent; tests prove it. The
sums of risk and fills are the desk's own functions, compiled from their one source; only the order of events is
written a second time, in the folder `loop`. Importing this module imports numba.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenthman.backtest.inputs import Inputs
from tenthman.backtest.loop.sessions import play
from tenthman.backtest.loop.state import ACCOUNT, EQUITY_MOST, LINE, SESSION_ROOM, Books, Numbers, Prices, Run, Terms
from tenthman.backtest.result import FILL, ORDER, PRICE_SCALE, BacktestResult, LatchMove, PurposeCode, Table
from tenthman.config import CostSettings, RiskRules, SignalModelSettings
from tenthman.domain.market import Floats, Sessions
from tenthman.domain.money import floor_e4, usd
from tenthman.exchange.matching import FillCosts
from tenthman.execution.fees import fee_cents
from tenthman.risk.figures import STATES, TOTALS
from tenthman.risk.limits import CAPS, GATES, LONG_AGO
from tenthman.risk.numbers import rule_numbers, stop_numbers
from tenthman.risk.stops import PRICE_MOST

FIRST_ROWS = 1_024
AnyArray = NDArray[Any]


def simulate(
    inputs: Inputs, rules: RiskRules, signal: SignalModelSettings, costs: CostSettings, starting_cash: Decimal
) -> BacktestResult:
    """Run the decision over `inputs` with the committee off: every sized entry passes.

    Raises ValueError when a rule or cost is spelled finer than whole numbers hold, when `starting_cash` is negative or
    finer than 1/10,000 USD, or when sums could come to more than 64 bits hold.
    """
    cash = _whole_cash(starting_cash)
    _require_room(inputs)
    _require_moves(inputs, rules)
    terms, prices = _terms(rules, signal, costs), _prices(inputs)
    run = _new_run(inputs, rules.max_positions, cash)
    done = 0
    while (done := play(prices, terms, run, done)) < len(inputs.sessions):
        if run.account[0]["overflow"]:
            raise ValueError(f"equity must stay at or below {usd(EQUITY_MOST)} USD, did not by {inputs.sessions[done]}")
        run = run._replace(orders=_grown(run.orders), fills=_grown(run.fills))
    return _result(inputs, run, cash)


def _whole_cash(starting_cash: Decimal) -> int:
    if not starting_cash.is_finite() or not 0 <= starting_cash <= usd(EQUITY_MOST):
        raise ValueError(f"`starting_cash` must lie in 0..{usd(EQUITY_MOST)} USD, was {starting_cash}")
    cash = floor_e4(starting_cash)
    if cash != starting_cash * PRICE_SCALE:
        raise ValueError(f"`starting_cash` must have at most 4 decimals, was {starting_cash}")
    return cash


def _require_room(inputs: Inputs) -> None:
    for name in ("open", "high", "low", "close", "last_close", "atr", "lowest", "dividends"):
        array: Floats = getattr(inputs, name)
        most, least = np.fmax.reduce(array, axis=None, initial=0.0), np.fmin.reduce(array, axis=None, initial=0.0)
        if not (most <= PRICE_MOST and least >= 0.0):
            raise ValueError(
                f"`{name}` must lie in 0..{PRICE_MOST:.0f} USD, was {most if most > PRICE_MOST else least}"
            )


def _require_moves(inputs: Inputs, rules: RiskRules) -> None:
    if rules.cluster is not None and inputs.cluster_sessions != rules.cluster.sessions:
        raise ValueError(
            f"`inputs` must hold the {rules.cluster.sessions} moves that `cluster` looks at, held "
            f"{inputs.cluster_sessions}"
        )


def _terms(rules: RiskRules, signal: SignalModelSettings, costs: CostSettings) -> Terms:
    charged = FillCosts.of(costs)
    return Terms(
        rules=rule_numbers(rules),
        stops=stop_numbers(rules.stops),
        entry_fraction=signal.entry_fraction,
        exit_fraction=signal.exit_fraction,
        cost_day=charged.day,
        cost_open=charged.open,
        cost_stop=charged.stop,
    )


def _prices(inputs: Inputs) -> Prices:
    alphabet = np.empty(len(inputs.tickers), dtype=np.int64)
    alphabet[sorted(range(len(inputs.tickers)), key=inputs.tickers.__getitem__)] = np.arange(len(inputs.tickers))
    arrays = {name: _as_compiled_for(getattr(inputs, name)) for name in Prices._fields if hasattr(inputs, name)}
    # The first of January 1970 was a Thursday, and weeks begin on Mondays.
    week = (inputs.sessions.astype("datetime64[D]").astype(np.int64) + 3) // 7
    return Prices(**arrays, alphabet=alphabet, week=week)


def _as_compiled_for(array: AnyArray) -> AnyArray:
    """Contiguous and read-only: for any other kind of array the whole loop would be compiled once more."""
    whole = np.ascontiguousarray(array).view()
    whole.flags.writeable = False
    return whole


def _new_run(inputs: Inputs, max_positions: int, cash: int) -> Run:
    count = len(inputs.sessions)
    account = np.zeros(1, dtype=ACCOUNT)
    account["cash"] = account["equity"] = account["peak"] = account["day_start"] = account["week_start"] = cash
    rows = max(FIRST_ROWS, SESSION_ROOM * max_positions)
    return Run(
        account=account,
        lines=np.zeros(max_positions, dtype=LINE),
        stopped=np.full(len(inputs.tickers), -LONG_AGO, dtype=np.int64),
        books=_new_books(max_positions),
        orders=np.zeros(rows, dtype=ORDER),
        fills=np.zeros(rows, dtype=FILL),
        # A session re-arms, reduces and halts at most once.
        moves=np.zeros((3 * count, 3), dtype=np.int64),
        denials=np.zeros(len(GATES) + len(CAPS), dtype=np.int64),
        equity=np.zeros(count, dtype=np.int64),
        cash=np.zeros(count, dtype=np.int64),
        dividends=np.zeros(count, dtype=np.int64),
    )


def _new_books(max_positions: int) -> Books:
    def row(length: int) -> Numbers:
        return np.zeros(length, dtype=np.int64)

    rules = max(len(GATES), len(CAPS))
    return Books(
        filled=row(1),
        equity=row(1),
        cash=row(1),
        bought=row(1),
        ticker=row(max_positions),
        issuer=row(max_positions),
        sector=row(max_positions),
        value=row(max_positions),
        risk=row(max_positions),
        reserve=row(max_positions),
        by_name=row(max_positions),
        clustered=np.zeros(max_positions, dtype=np.bool_),
        drawdown=row(4),
        totals=row(TOTALS),
        seen=row(rules),
        limits=row(rules),
        shares=row(rules),
        passed=np.zeros(rules, dtype=np.bool_),
    )


def _grown(table: Table) -> Table:
    return np.concatenate([table, np.zeros_like(table)])


def _result(inputs: Inputs, run: Run, cash: int) -> BacktestResult:
    account = run.account[0]
    fills = run.fills[: account["fills"]].copy()
    return BacktestResult(
        sessions=inputs.sessions,
        tickers=inputs.tickers,
        starting_cash=cash / PRICE_SCALE,
        equity=run.equity / PRICE_SCALE,
        cash=run.cash / PRICE_SCALE,
        held_value=run.equity / PRICE_SCALE - run.cash / PRICE_SCALE,
        fees=_fees(inputs.sessions, fills),
        dividends=run.dividends / PRICE_SCALE,
        orders=run.orders[: account["orders"]].copy(),
        fills=fills,
        denials=_denials(run.denials),
        considered=int(account["considered"]),
        latch=_latch(inputs.sessions, run.moves[: account["moves"]]),
    )


def _fees(sessions: Sessions, fills: Table) -> Floats:
    """Regulatory fees by session, USD; nobody charges them for what a delisted name is paid out at."""
    charged = fills[fills["purpose"] != PurposeCode.DELISTED]
    cents = fee_cents(
        sessions[charged["session"]],
        charged["purpose"] != PurposeCode.ENTRY,
        charged["quantity"],
        charged["price_e4"],
    )
    total = np.zeros(len(sessions), dtype=np.int64)
    np.add.at(total, charged["session"], cents)
    return np.asarray(total / 100.0)


def _denials(counts: Numbers) -> Mapping[str, int]:
    return {rule: int(count) for rule, count in zip((*GATES, *CAPS), counts, strict=True) if count}


def _latch(sessions: Sessions, moves: Numbers) -> tuple[LatchMove, ...]:
    days: list[date] = sessions.tolist()
    return tuple(
        LatchMove(session=days[session], step=step, state=STATES[state].value)
        for session, step, state in moves.tolist()
    )
