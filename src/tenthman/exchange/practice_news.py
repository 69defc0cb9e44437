"""Headlines of the practice market: its events, what misleads about them, and noise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tenthman.domain.market import Floats, SessionHours
from tenthman.domain.news import NewsItem, TimePrecision
from tenthman.exchange import practice_templates as phrases
from tenthman.exchange.practice_companies import INDEX_NAME, Company, Lifetime, stream
from tenthman.exchange.practice_events import Events, Kind, Moment

LAG = timedelta(minutes=1)

_TAGGED = 0.5
_RETOLD = 0.35  # share of events that a second source retells
_REACTED = 0.4  # share of events whose move a later headline describes
_OPINIONS = 1.4  # a session
_COMPANY_NOISE = 4.0
_GENERAL_NOISE = 2.6
_MACRO = 0.8
_AHEAD = 10  # sessions between an announcement and its day
_SPLITS_PER_YEAR = 1.5
_SPLIT_RUN = 126  # sessions over which the company that splits has risen most
_SPLIT_RATIOS = (2, 3, 4)
_BIG_MOVE = 0.025
_FLAT_MOVE = 0.001
_SHORT_NAME = 0.45  # share of headlines that use the company's short name


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A headline before it has its words: a template, when, about whom (company indices), and its own numbers."""

    template: str
    at: datetime
    about: tuple[int, ...] = ()
    numbers: Mapping[str, str] | None = None


class Desk:
    """Draws templates and moments; the one place where the random stream of the news is used."""

    def __init__(self, seed: int, hours: tuple[SessionHours, ...], lives: tuple[Lifetime, ...]) -> None:
        self._rng = stream(seed, "headlines")
        self._hours = hours
        self.lives = lives

    @property
    def sessions(self) -> int:
        return len(self._hours)

    def chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def count(self, mean: float) -> int:
        return int(self._rng.poisson(mean))

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self._rng.integers(low, high + 1))

    def pick(self, choices: tuple[str, ...]) -> str:
        return choices[int(self._rng.integers(len(choices)))]

    def listed(self, row: int) -> int:
        """Any company that is listed in session `row`."""
        while True:
            company = int(self._rng.integers(len(self.lives)))
            if row in self.lives[company].listed:
                return company

    def after_close(self, row: int) -> datetime:
        return self._hours[row].close_at + timedelta(minutes=self.whole(2, 150), seconds=self.whole(0, 59))

    def before_open(self, row: int) -> datetime:
        return self._hours[row].open_at - timedelta(minutes=self.whole(12, 200), seconds=self.whole(0, 59))

    def in_session(self, row: int) -> datetime:
        hours = self._hours[row]
        length = int((hours.close_at - hours.open_at).total_seconds())
        return hours.open_at + timedelta(seconds=self.whole(300, length - 300))

    def later_in_session(self, row: int, after: datetime) -> datetime:
        """Some time between `after` (or half an hour past the open, if later) and the close of `row`."""
        hours = self._hours[row]
        earliest = max(after, hours.open_at + timedelta(minutes=20))
        room = max(int((hours.close_at - earliest).total_seconds()), 1)
        return earliest + timedelta(seconds=self.whole(1, room))

    def any_time(self, row: int) -> datetime:
        place = self.whole(0, 2)
        if place == 0:
            return self.before_open(row)
        return self.in_session(row) if place == 1 else self.after_close(row)

    def moment(self, row: int, moment: Moment) -> datetime:
        """When the headline of an event of session `row` appears."""
        if moment is Moment.AFTER_PREVIOUS_CLOSE:
            return self.after_close(row - 1)
        return self.before_open(row) if moment is Moment.BEFORE_OPEN else self.in_session(row)


def make_headlines(
    seed: int,
    hours: tuple[SessionHours, ...],
    roster: tuple[Company, ...],
    lives: tuple[Lifetime, ...],
    events: Events,
    halted: tuple[tuple[int, int], ...],
    own_return: Floats,
    index_return: Floats,
) -> tuple[NewsItem, ...]:
    """All headlines in order of publication. `own_return` has shape (sessions, companies), `index_return` (sessions,).

    Each is known a minute after it is published. About half carry their tickers; the others name the company.
    """
    desk = Desk(seed, hours, lives)
    stories = [
        *_event_stories(desk, events),
        *_opinions(desk),
        *_noise(desk),
        *_market_stories(desk, index_return),
        *_split_stories(desk, own_return),
        *_halt_stories(desk, halted),
        *_membership_stories(desk),
    ]
    stories.sort(key=lambda story: story.at)
    writer = _Writer(seed, roster)
    return tuple(writer.write(number, story) for number, story in enumerate(stories))


def _event_stories(desk: Desk, events: Events) -> Iterator[Story]:
    columns = (events.session, events.company, events.kind, events.moment, events.sign, events.tone)
    for row, company, kind, moment, sign, tone in zip(*(column.tolist() for column in columns), strict=True):
        at = desk.moment(row, Moment(moment))
        choices = phrases.EVENTS[Kind(kind), tone]
        yield Story(template=desk.pick(choices), at=at, about=(company,))
        if desk.chance(_RETOLD):
            yield Story(template=desk.pick(choices), at=at + timedelta(seconds=desk.whole(40, 500)), about=(company,))
        if desk.chance(_REACTED):
            later = desk.later_in_session(row, at)
            yield Story(template=desk.pick(phrases.REACTIONS[sign]), at=later, about=(company,))


def _opinions(desk: Desk) -> Iterator[Story]:
    for row in range(desk.sessions):
        for _ in range(desk.count(_OPINIONS)):
            tone = 1 if desk.chance(0.5) else -1
            choices = phrases.OPINIONS[tone]
            yield Story(template=desk.pick(choices), at=desk.any_time(row), about=(desk.listed(row),))


def _noise(desk: Desk) -> Iterator[Story]:
    for row in range(desk.sessions):
        for _ in range(desk.count(_COMPANY_NOISE)):
            template = desk.pick(phrases.COMPANY_NOISE)
            about = (desk.listed(row), desk.listed(row)) if "{other}" in template else (desk.listed(row),)
            if len(set(about)) == len(about):
                yield Story(template=template, at=desk.any_time(row), about=about)
        for _ in range(desk.count(_GENERAL_NOISE)):
            yield Story(template=desk.pick(phrases.GENERAL_NOISE), at=desk.any_time(row))


def _market_stories(desk: Desk, index_return: Floats) -> Iterator[Story]:
    for row, move in enumerate(index_return.tolist()):
        yield Story(template=desk.pick(_wrap(move)), at=desk.after_close(row), numbers={"r": f"{abs(move) * 100:.1f}"})
        for _ in range(desk.count(_MACRO)):
            tone = 1 if desk.chance(0.5) else -1
            yield Story(template=desk.pick(phrases.MACRO[tone]), at=desk.before_open(row))


def _wrap(move: float) -> tuple[str, ...]:
    if abs(move) >= _BIG_MOVE:
        return phrases.CRASH if move < 0 else phrases.REBOUND
    if abs(move) < _FLAT_MOVE:
        return phrases.WRAPS[0]
    return phrases.WRAPS[1 if move > 0 else -1]


def _split_stories(desk: Desk, own_return: Floats) -> Iterator[Story]:
    """Bars are split-adjusted throughout, so a split is seen in headlines alone: of the company that rose most."""
    rows = {desk.whole(_SPLIT_RUN, desk.sessions - 1) for _ in range(round(_SPLITS_PER_YEAR * desk.sessions / 252))}
    split: set[int] = set()
    for row in sorted(rows):
        run = own_return[max(row - _SPLIT_RUN, 0) : row].sum(axis=0)
        order = [company for company in np.argsort(-run, kind="stable").tolist() if company not in split]
        company = next(company for company in order if row in desk.lives[company].listed)
        split.add(company)
        numbers = {"ratio": str(_SPLIT_RATIOS[desk.whole(0, 2)]), "ahead": str(_AHEAD)}
        if row + _AHEAD < desk.lives[company].listed.stop:
            yield Story(template=desk.pick(phrases.SPLIT), at=desk.after_close(row), about=(company,), numbers=numbers)
            done = desk.before_open(row + _AHEAD)
            yield Story(template=desk.pick(phrases.SPLIT_DONE), at=done, about=(company,), numbers=numbers)


def _halt_stories(desk: Desk, halted: tuple[tuple[int, int], ...]) -> Iterator[Story]:
    for row, company in halted:
        yield Story(template=desk.pick(phrases.HALT), at=desk.in_session(row), about=(company,))


def _membership_stories(desk: Desk) -> Iterator[Story]:
    numbers = {"ahead": str(_AHEAD), "index": INDEX_NAME}
    for company, life in enumerate(desk.lives):
        if life.listed.start > 0:
            at = desk.before_open(life.listed.start)
            yield Story(template=desk.pick(phrases.LISTING), at=at, about=(company,))
        if life.member.start > _AHEAD:
            at = desk.after_close(life.member.start - _AHEAD - 1)
            yield Story(template=desk.pick(phrases.JOIN), at=at, about=(company,), numbers=numbers)
        if life.member.stop < desk.sessions:
            choices = phrases.DELIST if life.listed.stop == life.member.stop else phrases.LEAVE
            at = desk.after_close(life.member.stop - _AHEAD - 1)
            yield Story(template=desk.pick(choices), at=at, about=(company,), numbers=numbers)


class _Writer:
    """Fills templates."""

    def __init__(self, seed: int, roster: tuple[Company, ...]) -> None:
        self._rng = stream(seed, "wording")
        self._seed = seed
        self._roster = roster

    def write(self, number: int, story: Story) -> NewsItem:
        source = self._pick(phrases.SOURCES)
        words = self._words(story) | {"source": source}
        tickers = tuple(ticker for company in story.about for ticker in self._roster[company].tickers)
        tagged = bool(story.about) and bool(self._rng.random() < _TAGGED)
        identity = f"practice-{self._seed}-{number:06d}"
        headline = story.template.format_map(words)
        return NewsItem(
            id=identity,
            headline=headline[0].upper() + headline[1:],
            summary=self._pick(phrases.SUMMARIES).format_map(words) if story.about else "",
            source=source,
            url=f"https://news.practice.invalid/{identity}",
            published_at=story.at,
            known_at=story.at + LAG,
            precision=TimePrecision.INSTANT,
            tickers=tickers if tagged else (),
        )

    def _words(self, story: Story) -> dict[str, str]:
        words = {
            "p": str(self._whole(2, 19)),
            "n": str(self._whole(2, 9)),
            "m": str(10 * self._whole(3, 90)),
            "b": f"{self._whole(11, 89) / 10:.1f}",
            "eps": str(self._whole(21, 240)),
        }
        words |= {slot: self._pick(choices) for slot, choices in phrases.SLOTS.items()}
        for slot, company in zip(("co", "other"), story.about, strict=False):
            named = self._roster[company]
            words[slot] = named.short if self._rng.random() < _SHORT_NAME else named.issuer
        return words | dict(story.numbers or {})

    def _pick(self, choices: tuple[str, ...]) -> str:
        return choices[self._whole(0, len(choices) - 1)]

    def _whole(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high + 1))
