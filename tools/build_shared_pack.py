"""Build a data pack of the S&P 100 of 2014-2021 from recorded prices and headlines in FOLDER.

    python tools/build_shared_pack.py FOLDER [packs/sp100-2014-2021]

Nothing of that data may be published: the pack lands in a folder that git ignores.

Dividends are what the dividend-adjusted closes imply. With f = adj_close / close, a share that goes ex in session t
pays d(t) = close(t-1) * (1 - f(t-1) / f(t)): the adjustment by CRSP's standard, which is Yahoo's, turned round. t-1 is
the ticker's bar before. Amounts are rounded to 1/10,000 USD, which is about what the six decimals of the closes can
carry. An implied amount below half a basis point of the close before is rounding noise: in these files noise ends at
0.1 bp and the smallest dividend is 1.2 bp (NVDA, 2021-12-01).
"""

import argparse
import sys
import tempfile
import time
from datetime import date
from itertools import pairwise
from pathlib import Path

import pandas as pd

from tenthman.data.pack_building import build_pack
from tenthman.data.pack_tables import universe_text
from tenthman.data.packs import open_pack
from tenthman.data.universe import companies
from tenthman.domain.market import Listing, Period

FIRST, LAST = date(2014, 1, 2), date(2021, 12, 31)
INDEX = "SPY"
# The bars of META and RTX hold what traded as FB and UTX before.
RENAMED = {"FB": "META", "UTX": "RTX"}
# The bars under these names belong to the new Fox Corporation, which was never a member.
OTHER_COMPANY = {"FOX", "FOXA"}
# Its prices are divided by this for the spin-off of 2022-04, and the dividends in its adjusted closes are not.
UNDIVIDED = {"T": 1.324}
LEAST_YIELD = 0.5e-4
DATASETS = ["kaggle_reuters_headlines", "kaggle_cnbc_headlines", "kaggle_sp500_headlines"]
DESCRIPTION = (
    "S&P 100 of the time plus SPY, 2014-01-02..2021-12-31. Membership is taken from dated lists of 2018-11-22, "
    "2019-11-25, 2020-05-06 and later: a change counts from the first list that shows it, and the first list is "
    "carried back to 2014, so membership before 2018-11 is biased towards survivors. A membership ends with the last "
    "bar at hand (AGN, CELG, RTN end early); DWDP and Twenty-First Century Fox are missing. Headlines: Reuters, CNBC "
    "and S&P 500 topics; only CNBC has a time of day. Dividends are implied by dividend-adjusted closes."
)


def build(recorded: Path, out: Path) -> Path:
    """Build the pack in `out` from the folder `recorded`, in place of an older one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bars = _bars(recorded)
        listings = _listings(recorded, bars)
        bars = bars[bars["ticker"].isin({item.ticker for item in listings} | {INDEX})]
        bars.to_parquet(folder / "bars.parquet", index=False)
        dividends(bars).to_parquet(folder / "dividends.parquet", index=False)
        _headlines(recorded).to_parquet(folder / "headlines.parquet", index=False)
        (folder / "universe.csv").write_text(universe_text(listings), encoding="utf-8")
        return build_pack(
            out,
            bars=folder / "bars.parquet",
            headlines=folder / "headlines.parquet",
            universe=folder / "universe.csv",
            dividends=folder / "dividends.parquet",
            name="S&P 100, 2014-2021",
            description=DESCRIPTION,
            source="daily bars of Yahoo Finance and Alpha Vantage, headlines of Reuters, CNBC and others",
            licence="private: the providers' terms forbid redistribution",
            price_basis="split- and spin-off-adjusted as of 2024-03-08, not dividend-adjusted, USD",
            index_ticker=INDEX,
            scenarios={
                "default": Period(first=date(2020, 1, 6), last=date(2020, 1, 31)),
                "crash": Period(first=date(2020, 2, 18), last=date(2020, 3, 20)),
            },
            overwrite=True,
        )


def _bars(recorded: Path) -> pd.DataFrame:
    """Bars of the period; a session without volume is a stale price, not a bar."""
    columns = ["date", "ticker", "open", "high", "low", "close", "volume", "adj_close"]
    bars = pd.read_parquet(recorded / "prices_daily_2010_2021.parquet", columns=columns)
    inside = bars["date"].between(pd.Timestamp(FIRST), pd.Timestamp(LAST))
    return bars[inside & (bars["volume"] > 0) & ~bars["ticker"].isin(OTHER_COMPANY)]


def dividends(bars: pd.DataFrame) -> pd.DataFrame:
    """Dividends (USD a share, in the basis of `close`) that the ratio of `adj_close` to `close` implies; see above."""
    bars = bars.sort_values(["ticker", "date"], ignore_index=True)
    factor = bars["adj_close"] / bars["close"]
    before = bars.groupby("ticker")["close"].shift()
    implied = 1 - factor.groupby(bars["ticker"]).shift() / factor
    basis = bars["ticker"].map(UNDIVIDED).fillna(1.0)
    amount = (before * implied / basis).round(4)
    table = pd.DataFrame({"ex_date": bars["date"], "ticker": bars["ticker"], "amount": amount})
    return table[(implied >= LEAST_YIELD) & (amount > 0)]


def _listings(recorded: Path, bars: pd.DataFrame) -> list[Listing]:
    """Dated membership between the lists, cut to where there are bars."""
    lists = pd.read_csv(recorded / "sp100_constituents_vintages.csv", dtype=str)
    lists["ticker"] = lists["ticker"].replace(RENAMED)
    days = sorted(lists["as_of"].unique())
    spans = bars.groupby("ticker")["date"].agg(["min", "max"])
    sectors = lists.dropna(subset="sector").drop_duplicates("ticker").set_index("ticker")["sector"]
    listings = []
    for ticker, seen in lists.groupby("ticker")["as_of"]:
        if ticker not in spans.index:
            continue
        start, end = _membership(sorted(seen), days)
        first, last = (stamp.date() for stamp in spans.loc[ticker, ["min", "max"]])
        start = max(start, first)
        if last < LAST:
            gone = (pd.Timestamp(last) + pd.Timedelta(days=1)).date()
            end = gone if end is None else min(end, gone)
        if start <= LAST and (end is None or end > start):
            listings.append(_listing(str(ticker), str(sectors.get(ticker, "")), start, end))
    return listings


def _membership(seen: list[str], days: list[str]) -> tuple[date, date | None]:
    """From the first list with the name until the first one after its last; a list that skips a name is a slip."""
    start = FIRST if seen[0] == days[0] else date.fromisoformat(seen[0])
    following = dict(pairwise(days)).get(seen[-1])
    return start, None if following is None else date.fromisoformat(following)


def _listing(ticker: str, sector: str, start: date, end: date | None) -> Listing:
    known = companies()[ticker]
    return Listing(
        ticker=ticker,
        name=known.name,
        issuer=known.issuer,
        sector=sector or known.sector,
        aliases=known.aliases,
        member_from=start,
        member_to=end,
    )


def _headlines(recorded: Path) -> pd.DataFrame:
    """Headlines of the period; one that is repeated on a day, whoever says it, counts once."""
    news = pd.read_parquet(recorded / "news_headlines_2010_2021.parquet")
    year = news["published_at"].dt.year
    news = news[news["dataset"].isin(DATASETS) & year.between(FIRST.year, LAST.year)].copy()
    news["precision"] = news["time_precision"].map({"minute": "instant", "day": "day"})
    news["day"] = news["published_at"].dt.date
    news["words"] = news["headline"].str.casefold().str.replace(r"\W+", " ", regex=True).str.strip()
    news = news.sort_values(["published_at", "id"]).drop_duplicates(["day", "words"])
    return news[["id", "published_at", "precision", "headline", "summary", "source", "url", "tickers"]]


def main() -> None:
    """Build, open again, and say what came out and how long it took."""
    parser = argparse.ArgumentParser(description="Build the private data pack.")
    parser.add_argument("recorded", type=Path, help="folder that holds the recordings")
    parser.add_argument("out", type=Path, nargs="?", default=Path("packs/sp100-2014-2021"))
    arguments = parser.parse_args()
    began = time.perf_counter()
    out = build(arguments.recorded, arguments.out)
    built = time.perf_counter()
    market = open_pack(out, archive_lag_minutes=15)
    opened = time.perf_counter()
    sessions, tickers = market.panel.close.shape
    paid = 0 if market.dividends is None else int((market.dividends > 0).sum())
    sys.stdout.write(
        f"{out}: {sessions} sessions, {tickers} tickers, {int((market.panel.close > 0).sum())} bars, "
        f"{len(market.headlines)} headlines, {paid} dividends; "
        f"built in {built - began:.1f} s, opened in {opened - built:.1f} s\n"
    )


if __name__ == "__main__":
    main()
