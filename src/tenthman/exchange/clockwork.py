"""What moves the time of a venue: its owner step by step, or a clock of its own at a multiple of real time."""

from datetime import datetime, timedelta

from tenthman.exchange.accounts import Venue
from tenthman.exchange.alpaca_requests import read_symbol
from tenthman.exchange.stage import Gap, Halt, Incident, PartialFill, Resume, SplitShares, Stage

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
                account.exchange.split_shares(split.symbol, split.ratio)
        return count + self.venue.advance(to)

    def play(self, incident: Incident) -> str:
        """Let `incident` happen; since when, or from which session on. Refusal 422 where it cannot."""
        symbol = read_symbol(incident.symbol)
        self.stage.column(symbol)
        match incident:
            case Gap() | SplitShares():
                return self.stage.rewrite(incident, self.venue.now).isoformat()
            case Halt():
                for account in self.venue.accounts:
                    account.exchange.halt(symbol)
            case Resume():
                for account in self.venue.accounts:
                    account.exchange.resume(symbol)
            case PartialFill():
                for account in self.venue.accounts:
                    account.exchange.fill_in_part(symbol, incident.share)
        return self.venue.now.isoformat()
