"""After the close: stops that follow the highest close, where the rule asks."""

import math

from tenthman.backtest.compiled import compiled, e4, trailed
from tenthman.backtest.loop.lines import line_of, sort_holdings
from tenthman.backtest.loop.state import Prices, Run, Terms
from tenthman.risk.numbers import OFF


@compiled
def raise_stops(prices: Prices, terms: Terms, run: Run, session: int) -> None:
    """Raise the stop of every holding with a bar to be trusted, by name; after the last session nobody needs one.

    A raised stop is a new order: it is behind all others in order of submission.
    """
    if terms.rules.trailing_atr == OFF or session + 1 == len(prices.close):
        return
    account = run.account[0]
    for place in range(sort_holdings(prices, run)):
        line = run.lines[line_of(run, run.books.by_name[place])]
        atr = prices.atr[session + 1, line["ticker"]]
        if not line["has_bar"] or prices.doubtful[session, line["ticker"]]:
            continue
        line["highest"] = max(line["highest"], line["close"])
        if line["stop"] == 0 or math.isnan(atr):
            continue
        stop = trailed(line["stop"], line["highest"], line["close"], e4(atr), terms.rules.trailing_atr)
        if stop > line["stop"]:
            account["sequence"] += 1
            line["stop"], line["stop_sequence"] = stop, account["sequence"]
