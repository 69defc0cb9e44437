"""`tenthman audit lots`: what each purchase is still worth, and what came of what was sold of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from tenthman.cli.options import RunOption
from tenthman.cli.output import ConfigOption, JsonOption, show_json, show_lines
from tenthman.cli.session import start

if TYPE_CHECKING:
    from tenthman.execution.lots import Lot, Sale


def lots_command(run: RunOption = None, config_directory: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List a run's lots, first in, first out: sales with what they realised, then what is held at the last price.

    After fees. Splits that the account went through are in it.
    """
    from tenthman.scheduler.account.run_lots import lots_of_run
    from tenthman.scheduler.outcomes.story import latest_run
    from tenthman.scheduler.storage import open_storage

    config = start(config_directory)
    with open_storage(config) as pool:
        found = latest_run(pool, run).run_id
        book, prices = lots_of_run(pool, found)
    unrealised = {lot.id: lot.unrealised(prices[lot.ticker]) for lot in book.lots if lot.ticker in prices}
    if as_json:
        lots = [{**asdict(lot), "unrealised": unrealised.get(lot.id)} for lot in book.lots]
        sales = [{**asdict(sale), "realised": sale.realised} for sale in book.sales]
        sums = {"realised": book.realised, "unrealised": sum(unrealised.values())}
        show_json({"run": found, "sales": sales, "open": lots, **sums})
        return
    show_lines(map(_sale_line, book.sales))
    show_lines(_lot_line(lot, unrealised.get(lot.id)) for lot in book.lots)
    show_lines([f"realised {book.realised:,.2f} USD, unrealised {sum(unrealised.values()):,.2f} USD, after fees"])


def _sale_line(sale: "Sale") -> str:
    return (
        f"{sale.ticker:<6} {sale.quantity:>6} bought {sale.opened_at:%Y-%m-%d} for {sale.cost:,.2f}, "
        f"sold {sale.closed_at:%Y-%m-%d} for {sale.proceeds:,.2f}: {sale.realised:+,.2f} USD"
    )


def _lot_line(lot: "Lot", unrealised: object) -> str:
    worth = "price not on record" if unrealised is None else f"{unrealised:+,.2f} USD so far"
    return f"{lot.ticker:<6} {lot.quantity:>6} bought {lot.opened_at:%Y-%m-%d} for {lot.cost:,.2f}: {worth}"
