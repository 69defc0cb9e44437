"""The doctor: does everything the desk needs answer, and if not, how is it mended."""

import ctypes
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tenthman.agents.llm_interface import open_language_model
from tenthman.config import Config
from tenthman.data.calendar import sessions_between
from tenthman.domain.broker import Broker
from tenthman.domain.errors import AuditBroken, TenthManError
from tenthman.domain.opinion import Prompt, ReplyState, Role
from tenthman.domain.order import TradingState
from tenthman.exchange.practice import make_practice_market, practice_range
from tenthman.exchange.process import ExchangeProcess
from tenthman.execution.client import AlpacaBroker
from tenthman.news.ollama_embedder import open_embedder
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.desk.kill_switch import asked_by, switch_path
from tenthman.scheduler.gathering.live_market import paper_keys
from tenthman.scheduler.live.anchoring import missing_from_chain
from tenthman.scheduler.live.calendar_check import MAX_CLOCK_SKEW, differing_day, disagreement
from tenthman.scheduler.storage import open_storage

DATABASE, CHAIN = "database", "audit chain"
OPENMP = "libgomp.so.1"
MIN_FREE_BYTES = 2 * 1024**3
NEARBY = timedelta(days=14)
LASTING_SESSIONS = 60
"""Sessions that fit into the 90 days after which Alpaca ends orders good till cancelled, holidays allowed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was examined. `mend` says what to do when it is not well."""

    part: str
    well: bool
    found: str
    mend: str


def examine(config: Config) -> Iterator[Finding]:
    """Examine every part in turn; a part that fails does not keep the next from being looked at.

    What stands in a database that does not answer is left out: nothing is known of it.
    """
    yield Finding(
        part="configuration", well=True, found="; ".join((f"hash {config.hash[:12]}", *notes(config))), mend=""
    )
    parts: tuple[tuple[str, Callable[[Config], str], str], ...] = (
        ("disk", _disk, "free some space, or point TENTHMAN_HOME at a larger disk"),
        ("libraries", _libraries, "install the package that holds it: `libgomp1` on Debian and Ubuntu"),
        (DATABASE, _database, "unset DATABASE_URL to use the embedded server, or start the server it names"),
        (CHAIN, _chain, 'read docs/runbook.md, "The audit chain is broken", before you trade'),
        ("language model", _language_model, "see `language` in models.yaml; for Ollama: `ollama pull` the model"),
        ("embedding model", _embedding_model, "install again from requirements.lock"),
        ("broker and calendar", _broker, "see `broker` in settings.yaml, and the keys in the environment"),
    )
    unwell = set()
    for part, look, mend in parts:
        if part == CHAIN and DATABASE in unwell:
            continue
        try:
            yield Finding(part=part, well=True, found=look(config), mend="")
        except (TenthManError, OSError) as error:
            unwell.add(part)
            yield Finding(part=part, well=False, found=str(error) or type(error).__name__, mend=mend)


def notes(config: Config) -> Iterator[str]:
    """What is allowed, and worth a word before a desk is started."""
    horizon = config.risk_rules.stops.horizon_sessions
    if horizon > LASTING_SESSIONS:
        yield (
            f"`stops.horizon_sessions` is {horizon}: orders good till cancelled, stops too, end after 90 days; "
            f"up to {LASTING_SESSIONS} sessions a stop outlasts its holding"
        )
    path = switch_path(config)
    if asked_by(path) is not TradingState.ACTIVE:
        yield f"the kill switch is pulled: {path}"


def _disk(config: Config) -> str:
    config.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(config.home).free
    if free < MIN_FREE_BYTES:
        raise OSError(f"free space in {config.home} must be at least {MIN_FREE_BYTES >> 20} MiB, was {free >> 20} MiB")
    return f"{free >> 20} MiB free in {config.home}"


def _libraries(config: Config) -> str:
    if sys.platform != "linux" or config.models.language.backend != "embedded":
        return "none is asked of the system"
    return loaded(OPENMP, "the embedded language model")


def loaded(library: str, user: str) -> str:
    """Load `library` as the system finds it. OSError that names it and its `user` where it is not there."""
    try:
        ctypes.CDLL(library)
    except OSError as error:
        raise OSError(f"{user} needs {library}, which cannot be loaded: {error}") from None
    return f"{library}, which {user} needs"


def _database(config: Config) -> str:
    with open_storage(config) as pool, pool.connection() as connection:
        version = connection.execute("SHOW server_version").fetchone()
        vector = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    where = "server of DATABASE_URL" if config.secrets.database_url else "embedded server"
    if version is None or vector is None:
        raise OSError(f"the {where} lacks the pgvector extension")
    return f"{where}: PostgreSQL {version[0]}, pgvector {vector[0]}"


def _chain(config: Config) -> str:
    with open_storage(config) as pool:
        found = missing_from_chain(config, pool)
    if found is not None:
        raise AuditBroken(found)
    return "fits the anchors in TENTHMAN_HOME, as far as there are any; `tenthman audit verify` computes every hash"


def _language_model(config: Config) -> str:
    schema = '{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}'
    prompt = Prompt(
        role=Role.ANALYST,
        shared="You are being tested. Answer in JSON.",
        instruction='Say that you are well: {"ok": true}',
        schema_json=schema,
        max_tokens=32,
        template_hash="doctor",
    )
    with open_language_model(config.models.language, config.home, config.agents.roles) as language:
        begun = time.monotonic()
        reply = language.ask((prompt,))[0]
        seconds = time.monotonic() - begun
    if reply.state is not ReplyState.ANSWERED:
        raise OSError(f"{language.name}: the test question was {reply.state.value}: {reply.text[:200]!r}")
    return f"{language.name} ({config.models.language.backend}) answered a test question in {seconds:.2f} s"


def _embedding_model(config: Config) -> str:
    embedder = open_embedder(config.models.embedding)
    begun = time.monotonic()
    vectors = embedder.embed(["Shares rise after results beat estimates"])
    return f"{embedder.model}: {vectors.shape[1]} dimensions, {time.monotonic() - begun:.2f} s for a headline"


def _broker(config: Config) -> str:
    if config.settings.broker.endpoint == "paper":
        key, secret = paper_keys(config)
        broker = AlpacaBroker(None, key, secret, config.settings.broker)
        return "Alpaca paper: " + _consistent(broker, wall_now(), MAX_CLOCK_SKEW)
    market = make_practice_market(1, "null", sessions_between(*practice_range())[:300])
    start = market.hours[-2].open_at
    cash = Decimal(config.settings.rehearsal.starting_cash_usd)
    log = config.home / "logs" / "exchange.log"
    with ExchangeProcess(market, config.settings.costs, cash, "doctor", start, log) as process:
        broker = AlpacaBroker(process.rest_url, process.key, process.secret, config.settings.broker)
        return "own exchange: " + _consistent(broker, start, timedelta(0))


def _consistent(broker: Broker, expected: datetime, skew: timedelta) -> str:
    """The broker's clock and calendar agree with ours and with the exchange calendar, and the account may trade."""
    account, clock = broker.account(), broker.clock()
    day = clock.now.astimezone(UTC).date()
    hours = sessions_between(day - NEARBY, day + NEARBY)
    doubt = disagreement(clock, hours, expected, skew)
    doubt = doubt or differing_day(broker.calendar(day, day + NEARBY), hours, day, day + NEARBY)
    if doubt is not None:
        raise OSError(doubt)
    if account.blocked:
        raise OSError("the account is blocked for trading")
    return f"equity {account.equity} USD, clock and calendar agree"
