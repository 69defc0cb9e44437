"""What moves the time of a venue: its owner step by step, or a clock of its own at a multiple of real time."""

from datetime import datetime, timedelta

from tenthman.domain.market import NEW_YORK
from tenthman.exchange.accounts import Venue
from tenthman.exchange.alpaca_requests import invalid, read_symbol
from tenthman.exchange.orders import SymbolChange
from tenthman.exchange.renaming import new_names, tenure_of, tenures
from tenthman.exchange.stage import Gap, Halt, Incident, PartialFill, RenameSymbol, Resume, SplitShares, Stage
from tenthman.utils.symbols import from_wire, to_wire

_INSTANT = timedelta(microseconds=1)


class Clockwork:
    """Moves all accounts of `venue` together and rewrites what `stage` holds for them."""

    def __init__(self, venue: Venue, stage: Stage) -> None:
        self.venue = venue
        self.stage = stage

    def move(self, to: datetime) -> int:
        """Move to `to`; how many order events that caused, which wait for `venue.publish`. ValueError for going back.

        Shares are split just before the opening of their session, so that orders at work meet the new prices.
        """
        count = 0
        for split in tuple(self.stage.splits(self.venue.now, to)):
            count += self.venue.advance(max(split.open_at - _INSTANT, self.venue.now))
            for account in self.venue.accounts:
                account.exchange.split_shares(split.symbol, split.ratio, whole=split.whole_shares)
        return count + self.venue.advance(to)

    def play(self, incident: Incident) -> str:
        """Let `incident` happen; since when, or from which session on. Refusal 422 where it cannot."""
        symbol = tenure_of(self.venue.market.symbol_changes(), read_symbol(incident.symbol)).symbol
        self.stage.column(symbol)
        match incident:
            case Gap() | SplitShares():
                return self.stage.rewrite(
                    incident.model_copy(update={"symbol": to_wire(symbol)}), self.venue.now
                ).isoformat()
            case Halt():
                for account in self.venue.accounts:
                    account.exchange.halt(symbol)
            case Resume():
                for account in self.venue.accounts:
                    account.exchange.resume(symbol)
            case PartialFill():
                for account in self.venue.accounts:
                    account.exchange.fill_in_part(symbol, incident.share)
            case RenameSymbol():
                self._rename(symbol, read_symbol(incident.to))
        return self.venue.now.isoformat()

    def _rename(self, symbol: str, new: str) -> None:
        """Refusal 422 for a name that another symbol has or had."""
        changes = self.venue.market.symbol_changes()
        if new in self.stage.market.panel.tickers or new in tenures(changes):
            raise invalid(f"to must be a name that nothing has here, was {new}")
        old = from_wire(new_names(changes).get(symbol, symbol))
        day = self.venue.now.astimezone(NEW_YORK).date()
        for account in self.venue.accounts:
            account.exchange.rename(SymbolChange(symbol=symbol, old=old, new=new, session=day))
