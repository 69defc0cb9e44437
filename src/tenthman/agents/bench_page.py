"""The page that `tenthman models bench` writes: one model on one machine, in Markdown."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tenthman.agents.bench import Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where it was measured. `load` is that of the machine before; `peak_mib` of the embedded server, else None."""

    measured_on: date
    backend: str
    machine: str
    cores: int
    threads: int
    load: float
    peak_mib: float | None


def page(bench: Bench, where: Surroundings) -> str:
    """The whole page; ends with a new line."""
    return "\n".join(_lines(bench, where)) + "\n"


def verdicts(bench: Bench) -> Iterator[str]:
    """What the figures mean for a user, one sentence each."""
    yield f"{bench.valid_rate:.1%} of the opinions are valid; every other one has its state"
    if bench.repaired:
        yield f"{bench.repaired} answers could not be read at first and were asked for again"
    if not bench.fits:
        yield (
            f"the widest case does not fit: raise `language.context_tokens` above {bench.context_tokens} or lower "
            "`case_passages`"
        )
    per_hour = 3600.0 / bench.seconds_by_ticker.p95 if bench.seconds_by_ticker.p95 > 0.0 else math.inf
    yield f"at that pace five agents judge {per_hour:,.0f} names an hour"


def _lines(bench: Bench, where: Surroundings) -> Iterator[str]:
    yield f"# {bench.model} ({where.backend})"
    yield ""
    machine = f"{where.machine}, {where.cores} cores, `threads: {where.threads}`, load {where.load:.1f} before"
    yield (
        f"Measured on {where.measured_on} over {bench.cases} cases, five agents each, without the tape, on {machine}. "
        f"Digest `{bench.digest[:12]}`."
    )
    yield ""
    yield "| figure | value |"
    yield "| --- | --- |"
    yield f"| valid answers | {bench.valid_rate:.1%} |"
    yield f"| states | {', '.join(f'{name} {number}' for name, number in sorted(bench.states.items()))} |"
    yield f"| asked for again | {bench.repaired} |"
    yield f"| seconds a ticker, p50 / p95 | {bench.seconds_by_ticker.p50:.2f} / {bench.seconds_by_ticker.p95:.2f} |"
    for role, spent in bench.seconds_by_role.items():
        yield f"| seconds of the {role} agent, p50 / p95 | {spent.p50:.2f} / {spent.p95:.2f} |"
    yield f"| tokens a second, read / written | {_pace(bench.read_tokens_per_s)} / {_pace(bench.write_tokens_per_s)} |"
    yield (
        f"| largest prompt and longest answer allowed, of {bench.context_tokens} tokens | {bench.largest_prompt} + "
        f"{bench.largest_answer}, {'fits' if bench.fits else 'DOES NOT FIT'} |"
    )
    if where.peak_mib is not None:
        yield f"| memory of the server at most | {where.peak_mib:,.0f} MiB |"
    yield ""
    yield from (f"- {text}." for text in verdicts(bench))
    yield ""
    yield "Tokens read count what the server kept from the question before, so that figure is above its bare speed."


def _pace(value: float | None) -> str:
    return "not told" if value is None else f"{value:,.0f}"
