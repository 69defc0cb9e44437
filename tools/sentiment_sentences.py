"""Sentences with a known tone, written for this project: what the shipped classifier of headlines learns from.

Every phrase is our own (Apache-2.0); companies, brokers and products are invented. None was taken from, or adjusted to,
the labelled sets that the classifier is measured on, and none is a phrase of the practice market.
"""

import random
from collections.abc import Iterator, Mapping

SEED = 7
PER_CLASS = 1500

COMPANIES = (
    "Arvello", "Brightmoor Foods", "Caldera Steel", "Dunmere", "Elkhart Lines", "Fennick Group", "Galt & Rowe",
    "Halden Oyj", "Ironbridge Bank", "Juniper Hollow", "Kestrel Air", "Lomar Energy", "Maristone", "Nordlake Plc",
    "Ostrava Paper", "Pellworth Retail", "Quillon Labs", "Rasmus Tools", "Severin Pharma", "Tolland Motors",
    "Umbra Software", "Varga Chemicals", "Westhaven REIT", "Yarrow Media", "Zelkova Chips", "$ARV", "$ZLK", "$QLN",
)  # fmt: skip
SLOTS: Mapping[str, tuple[str, ...]] = {
    "per": ("first quarter", "second quarter", "third quarter", "fourth quarter", "first half", "full year", "Q1", "Q2",
            "Q3", "Q4", "the period", "January-June"),
    "gain": ("net sales", "operating profit", "net profit", "revenue", "earnings per share", "EBIT", "pretax profit",
             "turnover", "cash flow", "comparable sales", "net interest income", "order intake", "market share"),
    "ill": ("operating loss", "net loss", "pretax loss", "loss per share"),
    "cur": ("EUR ", "$", "USD ", "SEK ", ""),
    "unit": (" mn", " million", "m", " billion", "bn"),
    "who": ("Tarn Capital", "Oakley Briggs", "Vester Bank", "Mill Street Research", "Corran & Sons", "analysts"),
    "thing": ("a logistics centre", "its paper mill", "the cloud unit", "a new plant", "its engine line", "the drug",
              "the retail chain", "a data centre", "its mobile app", "the pipeline"),
    "place": ("Finland", "Brazil", "China", "the United States", "Germany", "Sweden", "India", "Texas", "the Baltics"),
    "role": ("chief executive", "chief financial officer", "chairman", "head of sales", "board member"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "today", "this week", "on 4 May", "next month"),
    "goods": ("crude", "copper", "gold", "wheat", "the dollar", "bond yields", "chip makers", "bank shares", "futures"),
}  # fmt: skip

POSITIVE = (
    "{co} {gain} rose to {cur}{big}{unit} in the {per} from {cur}{small}{unit} a year earlier",
    "{gain} totalled {cur}{big}{unit}, up from {cur}{small}{unit} in the corresponding period of 2008",
    "{co} posted {gain} of {cur}{big}{unit} compared with {cur}{small}{unit} in the {per}",
    "{gain} increased by {pct}% to {cur}{big}{unit}",
    "{gain} grew {pct}% year on year in the {per}, helped by higher volumes",
    "{co}'s {ill} narrowed to {cur}{small}{unit} from {cur}{big}{unit}",
    "{co} swung to a net profit of {cur}{small}{unit} from a loss of {cur}{big}{unit}",
    "{co} turned a profit for the {per} after a loss a year ago",
    "{ill} decreased to {cur}{small}{unit} compared to {cur}{big}{unit} in the {per}",
    "{co} {per} EPS ${eps_high} vs. ${eps_low} expected; revenue beats",
    "{co} EPS beats by $0.{p2}, beats on revenue",
    "{co} tops consensus on the bottom line, shares up {pct}% premarket",
    "{co} raises guidance for the {per}, stock pops",
    "{co} lifts its dividend by {pct}% and adds to its buyback",
    "{co} expects {gain} to improve clearly from last year",
    "{co} estimates that {gain} will exceed the level of 2007",
    "{co} upgraded to Buy from Hold at {who}, target raised to ${big}",
    "{who} lifts {co} to outperform, sees room to run",
    "{co} price target raised to ${big} from ${small} at {who}",
    "{co} initiated with a Buy at {who}",
    "{co} +{pct}% after strong {per} numbers",
    "{co} soars to a record high on upbeat outlook",
    "Shares of {co} surged {pct}% on {day} as orders picked up",
    "{goods} rallies, up {pct}% on {day}",
    "{goods} climbs to its highest level since 2011",
    "Stocks rise on {day} on hopes of a trade deal",
    "Wall Street ends higher as {goods} gains",
    "{co} wins an order worth {cur}{big}{unit} from {place}",
    "{co} has been awarded a contract to deliver {thing} in {place}",
    "{co} signed a five-year agreement to supply {thing}, strengthening its position in {place}",
    "{co} gets approval for {thing}, clearing the way to launch",
    "The acquisition will considerably increase {co}'s sales and strengthen its presence in {place}",
    "The new system will cut costs, speed up deliveries and improve service, {co} says",
    "Demand for {thing} was brisk in {place} and profitability improved",
    "{co} to create {big} new jobs as it expands {thing}",
    "{co} to expand capacity in {place} to meet growing demand",
    "{co} reports record {gain} in the {per}",
    "{co} says its order book strengthened to {cur}{big}{unit}",
    "{co} gained market share in {place}",
    "{co} trial meets main goal, drug shows benefit",
    "Bullish: {co} breaking out, calls active",
    "Buying more {co} here, looks great",
    "{co} rebounds, recovers all of last week's losses",
    "Unemployment falls to a ten-year low in {place}",
    "Consumer confidence in {place} improves more than forecast",
    "{co} credit rating raised by {who} on stronger balance sheet",
    "{co} settles its lawsuit on favourable terms",
    "{co} is well placed to benefit from growth in {place}",
    "{co} cleared of wrongdoing, shares jump",
    "{co} to save {cur}{big}{unit} a year through better efficiency",
    "Outlook positive: {co} sees strong momentum into the {per}",
)
NEGATIVE = (
    "{co} {gain} fell to {cur}{small}{unit} in the {per} from {cur}{big}{unit} a year earlier",
    "{gain} totalled {cur}{small}{unit}, down from {cur}{big}{unit} in the corresponding period of 2008",
    "{co} posted {gain} of {cur}{small}{unit} compared with {cur}{big}{unit} in the {per}",
    "{gain} decreased by {pct}% to {cur}{small}{unit}",
    "{gain} dropped {pct}% year on year in the {per}, hurt by lower volumes",
    "{co}'s {ill} widened to {cur}{big}{unit} from {cur}{small}{unit}",
    "{co} swung to a net loss of {cur}{small}{unit} from a profit of {cur}{big}{unit}",
    "{co} slipped into the red in the {per}",
    "{ill} grew to {cur}{big}{unit} compared to {cur}{small}{unit} in the {per}",
    "{co} {per} EPS ${eps_low} vs. ${eps_high} expected; revenue misses",
    "{co} EPS misses by $0.{p2}, misses on revenue",
    "{co} falls short of consensus, shares down {pct}% premarket",
    "{co} cuts guidance for the {per}, stock tumbles",
    "{co} halves its dividend and stops its buyback",
    "{co} expects {gain} to fall clearly short of last year",
    "{co} issues a profit warning, {gain} to be lower than in 2007",
    "{co} downgraded to Sell from Hold at {who}, target cut to ${small}",
    "{who} drops {co} to underperform, sees more pain",
    "{co} price target cut to ${small} from ${big} at {who}",
    "{co} started at Sell by {who}",
    "{co} -{pct}% after weak {per} numbers",
    "{co} plunges to a two-year low on gloomy outlook",
    "Shares of {co} slumped {pct}% on {day} as orders dried up",
    "{goods} slides, down {pct}% on {day}",
    "{goods} sinks to its lowest level since 2011",
    "Stocks fall on {day} on fears of a trade war",
    "Wall Street ends lower as {goods} drops",
    "{co} loses an order worth {cur}{big}{unit} in {place}",
    "{co} fined {cur}{big}{unit} over breaches in {place}",
    "{co} faces a probe in {place} over its accounts",
    "{co} is sued over {thing}, alleging it misled investors",
    "Regulator rejects {thing}, a blow to {co}",
    "{co} to lay off {big} staff and close {thing}",
    "{co} will cut {big} jobs in {place} as demand weakens",
    "{co} starts talks with personnel on temporary lay-offs at {thing}",
    "{co} recalls {thing} over safety faults",
    "Demand for {thing} was weak in {place} and profitability declined",
    "{co} writes down {cur}{big}{unit} on {thing}",
    "{co} warns of lower margins as costs rise",
    "{co} lost market share in {place}",
    "{co} trial fails main goal, drug shows no benefit",
    "Bearish: {co} breaking down, puts active",
    "Getting out of {co}, this looks terrible",
    "{co} gives up all of last week's gains",
    "Unemployment rises to a ten-year high in {place}",
    "Consumer confidence in {place} worsens more than forecast",
    "{co} credit rating cut by {who} on rising debt",
    "{co} files for bankruptcy protection",
    "{co} suspends production in {place} after an accident",
    "{co} hit by a cyber attack, services down",
    "{co} seeks emergency funding as cash runs out",
    "Outbreak in {place} disrupts {co}'s supply chain",
)
NEUTRAL = (
    "{co} publishes its interim report on {day}",
    "{co} will hold its annual general meeting in {place} on {day}",
    "{co} appoints a new {role} as of {day}",
    "{co}'s {role} to speak at a conference in {place}",
    "{co} is headquartered in {place} and employs some {big} people",
    "The company has operations in {place} and {place2}",
    "The value of the deal was not disclosed",
    "Financial terms were not made public",
    "{co} and {who} have agreed to discuss {thing}",
    "{co} will deliver {thing} to a customer in {place} during the {per}",
    "{co} will build {thing} in {place}; work is due to begin {day}",
    "The contract covers design, supply and installation of {thing}",
    "The total floor area of {thing} is {big},000 square metres",
    "{co} shares closed unchanged on {day}",
    "{gain} in the {per} was {cur}{big}{unit}, in line with last year",
    "{co} reiterates its outlook for the {per}",
    "{who} keeps {co} at Hold",
    "{co} maintained at Neutral by {who}",
    "{co} reports on {day}: what to watch",
    "{co} {per} results conference call transcript",
    "{co} files its annual report",
    "{co} prices {cur}{big}{unit} of senior notes due 2029",
    "{co} declares a quarterly dividend of $0.{p2}",
    "{co} to move its office to {place}",
    "{co} transfers {big},000 own shares to {place} employees under its plan",
    "The number of shares in {co} is now {big},{big} million",
    "{co} holding in {who} is {pct}% of votes",
    "{co} completes the name change announced on {day}",
    "Here is what {who} says about {thing}",
    "Watch live: {role} of {co} at the forum in {place}",
    "How {co} makes {thing}",
    "Five things to know on {day}",
    "Earnings scheduled for {day}: {co}, {co2}",
    "Most active options: {co}, {co2}",
    "{place} holds elections on {day}",
    "The government of {place} met {who} to discuss {thing}",
    "{goods} little changed on {day}",
    "{goods}: today's chart",
    "Central bank of {place} leaves rates unchanged",
    "{co} changes the ticker of its shares",
    "{co} sells {thing} to {co2}",
    "{co} to acquire {co2} for {cur}{big}{unit}",
    "{co} launches {thing} in {place}",
    "{co} presents {thing} at a trade fair in {place}",
    "{co}, founded in 1987, makes tools for forestry",
    "The plant will have an annual capacity of {big},000 tonnes",
    "{co} director bought {big},000 shares",
    "Why is everyone talking about {co}?",
    "Podcast: inside {thing} with {co}'s {role}",
    "The offer period ends on {day}",
    "{co} renews its agreement with {co2}",
    "{co} and {co2} form a working group on {thing}",
)
TEMPLATES: Mapping[str, tuple[str, ...]] = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}


def sentences() -> Iterator[tuple[str, str]]:
    """Each sentence once with its class, the same ones in the same order on every run."""
    draw = random.Random(SEED)  # noqa: S311 - phrases, not secrets
    for label, templates in TEMPLATES.items():
        told: set[str] = set()
        while len(told) < PER_CLASS:
            text = _fill(draw, draw.choice(templates))
            if text not in told:
                told.add(text)
                yield text, label


def _fill(draw: random.Random, template: str) -> str:
    small, big = sorted(draw.sample(range(2, 990), 2))
    low, high = sorted(draw.sample(range(11, 99), 2))
    decimals = draw.random() < 0.5
    values = {name: draw.choice(choices) for name, choices in SLOTS.items()}
    values |= {
        "co": draw.choice(COMPANIES),
        "co2": draw.choice(COMPANIES),
        "place2": draw.choice(SLOTS["place"]),
        "small": f"{small}.{draw.randrange(10)}" if decimals else str(small),
        "big": f"{big}.{draw.randrange(10)}" if decimals and "{big}," not in template else str(big),
        "pct": f"{draw.randrange(1, 40)}.{draw.randrange(10)}" if decimals else str(draw.randrange(2, 60)),
        "eps_low": f"0.{low}",
        "eps_high": f"0.{high}",
        "p2": f"{draw.randrange(1, 30):02d}",
    }
    text = template.format(**values)
    return text if draw.random() < 0.5 else text[0].upper() + text[1:]
