"""News: headlines as they were known, and the passages that a critique may cite."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from tenthman.domain.checks import require_aware, require_text


class TimePrecision(Enum):
    """How exactly a source says when something was published; a day-precision item is known after that day's close."""

    INSTANT = "instant"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """A headline. `known_at` is stamped once, on entry, and is never before `published_at`.

    `tickers` are those tagged by the source; the linker adds its own elsewhere. Text is untrusted.
    """

    id: str
    headline: str
    summary: str
    source: str
    url: str
    published_at: datetime
    known_at: datetime
    precision: TimePrecision
    tickers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_text("id", self.id)
        require_text("headline", self.headline)
        require_aware("published_at", self.published_at)
        require_aware("known_at", self.known_at)
        if self.known_at < self.published_at:
            raise ValueError(f"`known_at` must not be before `published_at` {self.published_at}, was {self.known_at}")

    @property
    def effective_at(self) -> datetime:
        """When the news counts from: its publication, or for a day-precision item the moment it became known."""
        return self.published_at if self.precision is TimePrecision.INSTANT else self.known_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedItem:
    """A headline tied to the companies it is about. `weight` is 1/n for n tickers; `sentiment` lies in -1..1."""

    item: NewsItem
    tickers: tuple[str, ...]
    weight: float
    sentiment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A headline as shown to an agent, under an id of one letter and a number ("n1") that a critique may cite.

    `item_id` leads back to the stored headline; `text` is cleaned and capped.
    """

    id: str
    item_id: str
    text: str
    source: str
    known_at: datetime
    sentiment: float
    relevance: float
