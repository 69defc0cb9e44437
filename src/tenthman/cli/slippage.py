"""`tenthman audit slippage`: what orders were expected to fill at, and what they did fill at."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from tenthman.cli.options import RunOption
from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_lines
from tenthman.cli.session import start

if TYPE_CHECKING:
    from tenthman.scheduler.outcomes.slippage import Slippage, SlippageSum


def slippage_command(run: RunOption = None, config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Hold a run's fills against the prices that their orders were decided by: by order, by purpose and in all.

    The limit of an entry or a target, the price of a stop, and for an exit what the holding was worth when it was
    decided; and, for entries and exits, the price at the decision (implementation shortfall). Positive basis points
    are worse; fees are not in it, nor is what never filled.
    """
    from tenthman.scheduler.outcomes.slippage import read_fills, slippage_of, sum_up
    from tenthman.scheduler.outcomes.story import latest_run
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        found = latest_run(pool, run).run_id
        orders = slippage_of(read_fills(pool, found))
    sums = sum_up(orders)
    if as_json:
        show_json({"run": found, "orders": list(map(with_points, orders)), "sums": list(map(with_points, sums))})
        return
    show_lines(map(_order_line, orders))
    show_lines(f"{item.purpose:<10} {slippage_line(item)}" for item in sums)


def slippage_line(item: "SlippageSum") -> str:
    """One sum in words."""
    told = f"{item.basis_points:+} bp, {item.cost_usd:+,.2f} USD of {item.expected_usd:,.2f} in {item.orders} orders"
    if not item.decided_usd:
        return told
    return f"{told}; from the decision {item.shortfall_bp:+} bp, {item.shortfall_usd:+,.2f} USD"


def _order_line(order: "Slippage") -> str:
    who = f"{order.ticker:<6} {order.purpose:<7} {order.side.value:<4} {order.quantity:>6}"
    what = f"expected {order.expected_price}, filled at {order.price:.4f}"
    told = f"{who} {what}: {order.basis_points:+} bp, {order.cost_usd:+,.2f} USD"
    if order.decision_price is not None:
        told += f"; decided at {order.decision_price}: {order.shortfall_bp:+} bp"
    return f"{told}  [{order.client_order_id}]"


def with_points(item: "Slippage | SlippageSum") -> dict[str, object]:
    """An order or a sum for programs, with what follows from its fields."""
    told = {"cost_usd": item.cost_usd, "basis_points": item.basis_points}
    return {**asdict(item), **told, "shortfall_usd": item.shortfall_usd, "shortfall_bp": item.shortfall_bp}
