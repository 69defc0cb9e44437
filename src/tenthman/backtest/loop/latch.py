"""Taking stock of the account, and the latch of the drawdown rule: where it stands and when it moves."""

from tenthman.backtest.compiled import compiled, drawdowns, latch
from tenthman.backtest.loop.lines import line_price
from tenthman.backtest.loop.state import EQUITY_MOST, Numbers, Run, Terms
from tenthman.risk.arithmetic import LOST, LOST_MOST


@compiled
def settle(run: Run, fraction: float) -> None:
    """Equity at the prices of `fraction`, and the peak since the desk was last re-armed."""
    account = run.account[0]
    equity = account["cash"]
    for place in range(account["lines"]):
        line = run.lines[place]
        if line["is_held"]:
            equity += line["quantity"] * line_price(line, fraction)
            account["held"] = 1
    account["equity"] = equity
    account["peak"] = max(account["peak"], equity)
    if equity > EQUITY_MOST:
        account["overflow"] = 1


@compiled
def find_drawdowns(terms: Terms, run: Run) -> Numbers:
    """What `drawdowns` finds of the account as it is now."""
    account, found = run.account[0], run.books.drawdown
    drawdowns(account["equity"], account["peak"], account["day_start"], account["week_start"], terms.rules, found)
    return found


@compiled
def move_latch(terms: Terms, run: Run, session: int, step: int) -> None:
    """Move the latch if the account as it is now asks for it."""
    account, found = run.account[0], find_drawdowns(terms, run)
    state = latch(account["state"], account["lines"] == 0, found[LOST], found[LOST_MOST])
    if state == account["state"]:
        return
    move(run, session, step, state)


@compiled
def move(run: Run, session: int, step: int, state: int) -> None:
    """Set the latch to `state` and note it; the account counts as idle from this session on."""
    account = run.account[0]
    account["state"], account["idle_since"] = state, session
    move = run.moves[account["moves"]]
    move[0], move[1], move[2] = session, step, state
    account["moves"] += 1
