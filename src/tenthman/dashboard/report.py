"""A run's report: figures read back from PostgreSQL, printed by the command line and written as HTML.

1. Find the run. 2. Read what it decided, did and held. 3. Value the two benchmarks over the same sessions.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from tenthman.dashboard.report_html import write_html
from tenthman.dashboard.run_benchmarks import BENCHMARK_BASIS, benchmark_curve, excess_over_equal_weight
from tenthman.dashboard.summary import (
    BenchmarkPoint,
    EquityPoint,
    MarketFacts,
    RoundTripRow,
    RunReport,
    Scorecard,
    ShadowRow,
    StateChange,
)
from tenthman.db.audit import verify_anchored
from tenthman.db.pool import Pool, named_rows
from tenthman.db.sql import load_queries
from tenthman.domain.errors import AuditBroken, ConfigError
from tenthman.scheduler.outcomes.story import decisions_digest

__all__ = ["RunReport", "build_report", "write_html"]

_SQL = load_queries("tenthman.dashboard", "report.sql")

Row = Mapping[str, Any]


def build_report(pool: Pool, run_id: str | None) -> RunReport:
    """The report of a run (None: the newest finished one; else the newest whose id begins so).

    Raises ConfigError when there is no such run, or when it has not closed a session yet.
    """
    run = _find_run(pool, run_id)
    return _Reader(pool, run).report()


def _find_run(pool: Pool, run_id: str | None) -> Row:
    rows = _rows(pool, "find_run", run=run_id)
    if rows:
        return rows[0]
    known = [f"{row['run_id']} ({row['status']})" for row in _rows(pool, "some_runs")]
    there = f"there are {', '.join(known)}" if known else "there is none yet: `tenthman rehearse` makes one"
    raise ConfigError(
        f"no run has finished; {there}" if run_id is None else f"`run` must name a run, was {run_id!r}; {there}"
    )


class _Reader:
    """Reads one run's record, a question at a time."""

    def __init__(self, pool: Pool, run: Row) -> None:
        self._pool = pool
        self._run = run

    def _ask(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        return _rows(self._pool, query, run=self._run["run_id"], **parameters)

    def _counts(self, query: str) -> dict[str, int]:
        return {row["name"]: row["number"] for row in self._ask(query)}

    def report(self) -> RunReport:
        """Everything, put together."""
        run = self._run
        points = tuple(_point(row) for row in self._ask("equity"))
        benchmarks, names = self._benchmarks()
        if not points or not benchmarks:
            raise ConfigError(f"run {run['run_id']} ({run['status']}) has not closed a session yet: nothing to report")
        verdicts, fills = self._ask("verdicts")[0], self._ask("fills")[0]
        return RunReport(
            run_id=run["run_id"],
            world=run["world"],
            status=run["status"],
            started_at=run["started_at"],
            market=self._market(),
            first=run["first_session"],
            last=run["last_session"],
            model_version=run["model_version"],
            trained_until=run["trained_until"],
            config_hash=run["config_hash"],
            decisions=verdicts["decisions"],
            proposals=verdicts["proposals"],
            reviewed=verdicts["reviewed"],
            vetoed=verdicts["vetoed"],
            vetoes=self._vetoes(verdicts),
            denials=self._counts("denials"),
            orders=self._counts("orders"),
            fills=fills["number"],
            fees=fills["fees"],
            dividends=run["dividends"],
            index_ticker=run["index_ticker"],
            equal_weight_names=names,
            benchmark_basis=BENCHMARK_BASIS,
            excess_equal_weight=excess_over_equal_weight(points, benchmarks),
            drawdown_limit=self._drawdown_limit(),
            states=tuple(StateChange(**row) for row in self._ask("states")),
            committee=self._committee(),
            audit=_audit_sentence(self._pool),
            digest=decisions_digest(self._pool, run["run_id"]),
            equity=points,
            benchmarks=benchmarks,
            trades=tuple(RoundTripRow(**row) for row in self._ask("trades")),
            scorecards=_scorecards(self._ask("critics")),
            shadows=tuple(ShadowRow(**row) for row in self._ask("shadows")),
        )

    def _market(self) -> MarketFacts:
        names = ("kind", "name", "description", "source", "price_basis", "licence", "content_hash", "market_id")
        return MarketFacts(**{name: self._run[name] for name in names})

    def _vetoes(self, verdicts: Row) -> dict[str, int]:
        """Reason codes of vetoes (a veto may give several), and entries nobody reviewed."""
        silent = {"abstained": verdicts["abstained"]} if verdicts["abstained"] else {}
        return {**self._counts("veto_reasons"), **silent}

    def _benchmarks(self) -> tuple[tuple[BenchmarkPoint, ...], int]:
        """What one USD became session by session, and how many names the equal weight holds."""
        run = self._run
        period = {"first": run["first_session"], "last": run["last_session"]}
        rows = self._ask("prices", market=run["market_id"], index=run["index_ticker"], **period)
        return benchmark_curve(rows, run["index_ticker"])

    def _drawdown_limit(self) -> float | None:
        """The tightest limit that the run's own checks were made against; each reference may have its own."""
        rows = self._ask("drawdown_limits")
        return min((float(row["drawdown_limit"].removeprefix("below ")) for row in rows), default=None)

    def _committee(self) -> str:
        critics = [row for row in self._ask("critics") if row["role"] != "rules"]
        if not critics:
            return "none was asked; the deterministic rules critic decided alone, and binds"
        models = " and ".join(sorted({row["model"] or "(no model)" for row in critics}))
        binds = any(row["binding"] for row in critics)
        parts = [
            f"{models}: {'binding' if binds else 'advisory'}, {self._standing()}",
            f"replies {_listed(_totals(critics, 'state'))}",
            _seconds_sentence([float(row["seconds"]) for row in self._ask("model_seconds")]),
            "the rules critic always binds",
            *self._demotions(),
        ]
        return "; ".join(parts)

    def _demotions(self) -> list[str]:
        """When its own record cost the committee its veto in this run, or a person gave it back."""
        return [
            f"{row['standing']} {row['changed_at']:%Y-%m-%d %H:%M} UTC ({row['reason']})"
            for row in self._ask("demotions")
        ]

    def _standing(self) -> str:
        rows = self._ask("examinations")
        if not rows:
            return "no examination is on record"
        if len(rows) == 1:
            return f"it {_examined(rows[0])}"
        return ", ".join(sorted(f"{row['model']} {_examined(row)}" for row in rows))


def _examined(row: Row) -> str:
    """What became of a model's examination."""
    result = row["result"]
    sat = f"{result.get('sat', '?')} of {result.get('cases', '?')} cases sat"
    if row["passed"]:
        return f"passed its examination ({sat})"
    return f"failed its examination ({sat}; missed {'; '.join(result.get('failed', [])) or 'unstated'})"


def _point(row: Row) -> EquityPoint:
    return EquityPoint(
        at=row["at"],
        session=row["session"],
        equity=row["equity"],
        cash=row["cash"],
        invested=row["invested"],
        positions=row["positions"],
        drawdown=_below(row["peak"], row["equity"]),
        day_loss=_below(row["day_start"], row["equity"]),
    )


def _below(reference: Decimal, equity: Decimal) -> float:
    return max(0.0, float((reference - equity) / reference)) if reference > 0 else 1.0


def _audit_sentence(pool: Pool) -> str:
    try:
        found = verify_anchored(pool, ())
    except AuditBroken as error:
        return f"BROKEN: {error}"
    return f"verified, {found.events} events in an unbroken chain that ends with {found.head}"


def _scorecards(rows: list[dict[str, Any]]) -> tuple[Scorecard, ...]:
    critics = dict.fromkeys((row["role"], row["model"], row["binding"]) for row in rows)
    return tuple(
        _scorecard(*critic, [row for row in rows if (row["role"], row["model"], row["binding"]) == critic])
        for critic in critics
    )


def _scorecard(role: str, model: str, binding: bool, rows: list[dict[str, Any]]) -> Scorecard:
    against = [row for row in rows if row["stance"] in ("veto", "shrink")]
    return Scorecard(
        role=role,
        model=model,
        binding=binding,
        stances=_totals([row for row in rows if row["stance"] != "none"], "stance"),
        states=_totals(rows, "state"),
        bought_against=sum(row["traded"] for row in against),
        realised_against=sum((row["realised"] for row in against), Decimal(0)),
    )


def _totals(rows: list[dict[str, Any]], by: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[row[by]] = totals.get(row[by], 0) + row["number"]
    return totals


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"


def _seconds_sentence(seconds: list[float]) -> str:
    if not seconds:
        return "all of them played from the tape"
    middle, slow = (float(np.percentile(seconds, share)) for share in (50, 95))
    return f"{middle:.1f} s a case at the median and {slow:.1f} s at the 95th percentile ({len(seconds)} asked anew)"


def _rows(pool: Pool, query: str, **parameters: object) -> list[dict[str, Any]]:
    return named_rows(pool, _SQL[query], parameters)
