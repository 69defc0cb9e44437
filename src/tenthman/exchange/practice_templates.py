"""Phrases of the practice market's headlines. All were written for it; sources, brokers and products are invented.

`{co}` is the company; the other slots are drawn from `SLOTS`, or are numbers: `{p}` a percentage, `{n}` a count,
`{m}` millions, `{b}` billions, `{eps}` cents.
"""

from collections.abc import Mapping

from tenthman.exchange.practice_events import Kind

SOURCES = (
    "Harbour Wire",
    "Ledger & Quay",
    "Tape Room Daily",
    "Open Bell Gazette",
    "Foghorn Financial",
    "The Margin Note",
    "Clearing House Courier",
    "Northbank Dispatch",
)

SLOTS: Mapping[str, tuple[str, ...]] = {
    "q": ("first-quarter", "second-quarter", "third-quarter", "fourth-quarter", "quarterly"),
    "broker": (
        "Alder & Finch",
        "Bexhall Research",
        "Coldwater Partners",
        "Dray Street Capital",
        "Ferrier Lane",
        "Hollin Brothers",
        "Mossgate Securities",
        "Penhallow & Co",
    ),
    "region": ("Europe", "Asia", "Latin America", "the Midwest", "Canada", "the Gulf Coast", "the Nordics"),
    "line": ("core business", "newest line", "largest unit", "overseas arm", "premium range", "subscription service"),
    "item": ("flagship product", "new platform", "latest release", "next-generation model", "pilot programme"),
    "month": ("January", "March", "April", "June", "September", "October", "November"),
    "town": ("Wickham Falls", "Port Ansel", "Greyling", "East Marrow", "Lake Tolliver", "Saint Orrin"),
}

EVENTS: Mapping[tuple[Kind, int], tuple[str, ...]] = {
    (Kind.EARNINGS, 1): (
        "{co} beats {q} profit estimates on strong demand",
        "{co} tops forecasts as {line} posts strong growth",
        "{co} {q} profit rises {p}%, expectations beaten, strong cash flow",
        "{co} earns {eps} cents a share, better than analysts hoped",
        "Strong {line} lifts {co} past {q} estimates",
        "{co} posts record {q} revenue of ${b} billion, margins improve",
        "{co} delivers upbeat {q} results, gains share in {region}",
        "Profit jumps at {co} as orders grow {p}%",
        "{co} reports strong {q} sales growth, impressive margins",
        "Results: {co} comfortably ahead on profit and revenue, a great quarter",
        "{co} surprises with best quarter in {n} years",
        "{co} {q} earnings top estimates; cash flow strong",
    ),
    (Kind.EARNINGS, -1): (
        "{co} misses {q} profit estimates on weak demand",
        "{co} falls short of forecasts as {line} disappoints",
        "{co} {q} profit drops {p}%, bad miss on weak orders",
        "{co} earns {eps} cents a share, worse than analysts feared",
        "Weak {line} drags {co} below {q} estimates",
        "{co} posts {q} loss, revenue shrinks to ${b} billion",
        "{co} delivers poor {q} results, loses share in {region}",
        "Losses loom at {co} as orders fall {p}%",
        "{co} reports weak {q} sales, margins hurt by costs",
        "Results: {co} short on profit and revenue, a bad quarter",
        "{co} disappoints with worst quarter in {n} years",
        "{co} {q} earnings miss estimates; cash flow weak",
    ),
    (Kind.GUIDANCE, 1): (
        "{co} raises full-year outlook on strong orders",
        "{co} lifts profit forecast by {p}%, cites confidence in {line}",
        "{co} sees better margins next year, improves guidance",
        "{co} upbeat on {region}, boosts sales target",
        "{co} raises dividend and confirms strong outlook",
        "{co} tells investors growth is accelerating, targets raised",
        "Outlook at {co} brightens as {line} wins customers",
        "{co} announces ${b} billion buyback, confident about cash flow",
    ),
    (Kind.GUIDANCE, -1): (
        "{co} cuts full-year outlook on weak orders",
        "{co} lowers forecast by {p}%, warns of trouble at {line}",
        "{co} sees worse margins next year, withdraws guidance",
        "{co} gloomy on {region}, slashes sales target",
        "{co} cuts dividend, warns of a difficult year",
        "{co} tells investors growth is failing, targets cut",
        "Outlook at {co} darkens as {line} loses customers",
        "{co} suspends buyback, worried about cash flow",
    ),
    (Kind.RATING, 1): (
        "{broker} upgrades {co} to buy, sees strong upside",
        "{co} wins upgrade at {broker} on improving margins",
        "{broker} raises {co} target by {p}%, praises execution",
        "{broker}: {co} is best idea in its sector",
        "{co} upgraded as {broker} likes its growth prospects",
        "{broker} turns positive on {co}, cites strength in {region}",
    ),
    (Kind.RATING, -1): (
        "{broker} downgrades {co} to sell, sees serious risk",
        "{co} hit by downgrade at {broker} on falling margins",
        "{broker} cuts {co} target by {p}%, criticises execution",
        "{broker}: {co} is worst placed in its sector",
        "{co} downgraded, {broker} worried about its prospects",
        "{broker} turns negative on {co}, cites weakness in {region}",
    ),
    (Kind.PRODUCT, 1): (
        "{co} {item} wins approval, strong launch expected",
        "{co} wins ${m} million contract in {region}",
        "Customers praise {co} {item}, orders strong",
        "{co} opens new site in {town}, celebrates record backlog",
        "{co} {item} succeeds in trial, exceeds goals",
        "{co} signs great multi-year deal for its {line}",
        "Breakthrough for {co} as {item} wins tests, best in class",
    ),
    (Kind.PRODUCT, -1): (
        "{co} {item} fails review, launch delayed",
        "{co} loses ${m} million contract in {region}",
        "Customers complain about {co} {item}, orders weak",
        "{co} recalls {item} after faults, warns of costs",
        "{co} {item} fails in trial, misses goals",
        "{co} loses key customer of its {line}",
        "Setback for {co} as {item} suffers defects in tests",
    ),
    (Kind.LEGAL, 1): (
        "{co} wins patent case, judge rejects claims",
        "Court clears {co} in {town} dispute, a welcome victory",
        "Regulator clears {co}, great relief for holders",
        "{co} ends old dispute on favourable terms, welcome gain",
        "{co} wins appeal worth ${m} million",
    ),
    (Kind.LEGAL, -1): (
        "{co} loses patent case, faces ${m} million in damages",
        "{co} sued over alleged fraud at its {line}",
        "Regulator opens investigation into {co}, penalty feared",
        "{co} hit with ${m} million fine, warns of further lawsuits",
        "Accounting doubts trouble {co}, finance chief resigns",
    ),
    (Kind.DEAL, 1): (
        "{co} said to attract takeover interest at a rich premium",
        "{co} buys rival's {line}, sees strong benefits",
        "{co} agrees profitable sale of {line} for ${b} billion",
        "Bidders happy to pay up for {co}, people familiar say",
        "{co} merger talks win support, gains seen",
    ),
    (Kind.DEAL, -1): (
        "{co} takeover talks collapse, disappointment for holders",
        "{co} overpays for rival, critics warn of losses",
        "{co} forced into bad sale of {line} for ${m} million",
        "Bidder abandons {co}, people familiar say, citing problems",
        "{co} merger blocked by regulator, penalty likely",
    ),
}

REACTIONS: Mapping[int, tuple[str, ...]] = {
    1: (
        "{co} shares climb {p}% after the open, strong buying",
        "{co} jumps on heavy volume, among the day's best gains",
        "Shares of {co} gain {p}% as traders cheer the news",
        "{co} leads gains in its sector, strong demand for shares",
        "Analysts positive as {co} rallies",
    ),
    -1: (
        "{co} sinks {p}% after the open, worst in its sector",
        "{co} slides on heavy volume, among the day's worst losses",
        "Shares of {co} lose {p}% as traders punish the news",
        "{co} drags its sector lower, holders worried",
        "Analysts negative as {co} slumps",
    ),
}

OPINIONS: Mapping[int, tuple[str, ...]] = {
    1: (
        "Opinion: why {co} could be a winner for patient holders",
        "{co} chief confident at {town} conference",
        "Three strong reasons to like {co}",
        "{co} named among best places to work",
        "Fund manager praises {co} and its {line}",
        "Is {co} the best bargain in its sector?",
    ),
    -1: (
        "Opinion: the trouble with {co} nobody wants to see",
        "{co} chief defends weak {line} at {town} conference",
        "Three serious risks facing {co}",
        "{co} criticised over pay by angry shareholders",
        "Fund manager doubts {co}, warns about its {line}",
        "Is {co} the worst value trap in its sector?",
    ),
}

COMPANY_NOISE = (
    "{co} to present at investor day in {month}",
    "{co} names new head of {line}",
    "{co} schedules {q} results call",
    "{co} moves regional office to {town}",
    "{co} files notice of annual meeting",
    "{co} extends supply agreement in {region}",
    "{co} refinances ${m} million of notes",
    "{co} director sells {n}00 shares under trading plan",
    "{co} updates logo of its {line}",
    "What to watch when {co} reports",
    "{co} sponsors marathon in {town}",
    "{broker} reiterates neutral view of {co}",
    "{broker} starts coverage of {co} at hold",
    "{co} to close {town} depot for maintenance",
    "{co} and {other} to share a warehouse in {town}",
    "{co}, {other} among names on {broker} watch list",
    "{co} publishes sustainability report",
    "Volume in {co} options about average, data show",
)

GENERAL_NOISE = (
    "Lawmakers discuss road funding in {region}",
    "Survey: households plan {n} trips a year",
    "Weather service expects mild {month}",
    "Freight rates between {region} and {town} little changed",
    "Mayor of {town} proposes new transit line",
    "Column: what old almanacs say about {month}",
    "Trade group counts {n} new warehouses in {region}",
    "Housing starts in {region} in line with last year",
    "Central bankers meet in {town}, no decision due",
    "Crop report: average yields in {region}",
    "Podcast: a beginner's guide to bonds",
    "Ports of {region} extend night hours",
    "Library of {town} reopens after renovation",
    "Poll: commuters split on fares",
    "Energy demand typical for {month}, grid operator says",
)

WRAPS: Mapping[int, tuple[str, ...]] = {
    1: (
        "Stocks close higher, index gains {r}%",
        "Closing bell: index up {r}% as confidence improves",
        "Wall of buying lifts shares {r}% at the close",
        "Shares finish stronger, {r}% better on the day",
    ),
    -1: (
        "Stocks close lower, index loses {r}%",
        "Closing bell: index down {r}% as worries grow",
        "Sellers drag shares {r}% down at the close",
        "Shares finish weaker, {r}% worse on the day",
    ),
    0: (
        "Stocks little changed at the close",
        "Closing bell: index flat in quiet trade",
        "Shares end the day where they began",
    ),
}

MACRO: Mapping[int, tuple[str, ...]] = {
    1: (
        "Jobless claims better than expected",
        "Factory orders improve, survey shows",
        "Consumer confidence strongest in {n} months",
        "Economists optimistic about growth in {region}",
    ),
    -1: (
        "Jobless claims worse than expected",
        "Factory orders weaken, survey shows",
        "Consumer confidence at {n}-month low, households worried",
        "Economists fear slowdown in {region}",
    ),
}

CRASH = (
    "Panic selling grips markets as index plunges {r}%",
    "Index sinks {r}%, fear gauge soars in worst rout for years",
    "Shares crash {r}% as recession fears spread",
    "Margin calls worsen market slide, index loses {r}%",
)

REBOUND = (
    "Index rebounds {r}% in wild trade",
    "Stocks jump {r}% in relief rally, swings stay huge",
    "Shares recover {r}% after heavy losses",
)

SPLIT = (
    "{co} to split its shares {ratio}-for-1 in {ahead} sessions",
    "{co} board approves {ratio}-for-1 share split",
)
SPLIT_DONE = (
    "{co} begins trading on split-adjusted basis, {ratio} for 1",
    "{co} {ratio}-for-1 split takes effect, earlier prices restated",
)
HALT = (
    "Trading in {co} halted for the session pending news",
    "Exchange suspends {co} for the day, no reason given",
)
JOIN = ("{co} to join the {index} index in {ahead} sessions",)
LEAVE = ("{co} to leave the {index} index in {ahead} sessions",)
DELIST = ("{co} holders vote to go private, last session in {ahead} sessions",)
LISTING = ("{co} shares begin trading",)

SUMMARIES = (
    "",
    "",
    "The company gave no further details.",
    "Details were published in a regulatory notice.",
    "The item was first carried by {source}.",
    "A call with analysts is planned.",
)
