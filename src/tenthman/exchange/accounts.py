"""The accounts of one served market: each with keys, an exchange, settings and a stream of its own, on one clock."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tenthman.exchange.alpaca_stream import Broadcaster
from tenthman.exchange.limits import RateLimit
from tenthman.exchange.market import OrderEvent, ReplayExchange
from tenthman.exchange.settings import AccountSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a trader must send with each call."""

    key: str
    secret: str = field(repr=False)

    def are(self, key: object, secret: object) -> bool:
        """Whether these are the keys, in a time that tells nothing about the secret."""
        given = f"{key}\n{secret}".encode(errors="replace")
        return hmac.compare_digest(given, f"{self.key}\n{self.secret}".encode())


class TradingAccount:
    """One account: whoever holds `keys` trades on `exchange`. Trading and data calls are counted apart."""

    def __init__(self, keys: Keys, exchange: ReplayExchange, trading: RateLimit, data: RateLimit) -> None:
        self.keys = keys
        self.exchange = exchange
        self.settings = AccountSettings()
        self.stream = Broadcaster()
        self.limits = {"trading": trading, "data": data}
        self._unsent: list[OrderEvent] = []

    def move(self, to: datetime) -> int:
        """Move the account's exchange to `to`; how many events that caused, which wait for `publish`."""
        self._unsent += self.exchange.drain()
        events = self.exchange.advance(to)
        self._unsent += events
        return len(events)

    def forget(self) -> None:
        """Drop what waits for `publish`: it was told before, or must not be told because it could not be kept."""
        self._unsent = []
        self.exchange.drain()

    def publish(self) -> None:
        """Send what happened since the last call to the account's stream, in order."""
        unsent, self._unsent = self._unsent, []
        self.stream.publish([*unsent, *self.exchange.drain()], self.exchange.symbol_changes())


class Venue:
    """All accounts of one market; they see the same prices and the same time, and nothing of one another."""

    def __init__(self, accounts: Sequence[TradingAccount]) -> None:
        if not accounts:
            raise ValueError("`accounts` must hold at least one account, was empty")
        self.accounts = tuple(accounts)
        self._by_key = {account.keys.key: account for account in accounts}
        if len(self._by_key) < len(accounts):
            raise ValueError("the keys of `accounts` must differ")

    @property
    def now(self) -> datetime:
        """The market's time."""
        return self.accounts[0].exchange.now

    @property
    def market(self) -> ReplayExchange:
        """The exchange to ask what is the same for all accounts: prices, bars, news, clock."""
        return self.accounts[0].exchange

    def holder(self, key: object, secret: object) -> TradingAccount | None:
        """The account of these keys; None when they are nobody's."""
        account = self._by_key.get(key) if isinstance(key, str) else None
        return account if account is not None and account.keys.are(key, secret) else None

    def forget(self) -> None:
        """Drop what waits for `publish` in all accounts."""
        for account in self.accounts:
            account.forget()

    def advance(self, to: datetime) -> int:
        """Move the time of all accounts to `to`; how many events wait for `publish`. ValueError for going back."""
        return sum(account.move(to) for account in self.accounts)

    def publish(self) -> None:
        """Send what waits to the streams of all accounts."""
        for account in self.accounts:
            account.publish()

    @property
    def listeners(self) -> int:
        """How many connections listen to order events."""
        return sum(account.stream.listeners for account in self.accounts)
