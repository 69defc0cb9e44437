"""A language model as the desk sees it: `ask` takes prompts and returns one reply for each, and never raises.

What goes wrong has a name: no server or a broken line is UNREACHABLE, silence is TIMED_OUT, an answer cut off is
TRUNCATED, nonsense is INVALID, a question not put because the time was spent is OVER_BUDGET.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import ollama
import structlog

from tenthman.agents.bounded_http import BoundedTransport, ReplyTooLarge
from tenthman.agents.embedded import EmbeddedModelServer
from tenthman.agents.weights import find_weights, weights_digest
from tenthman.agents.wires import (
    Answer,
    BadReply,
    Refused,
    Wire,
    ollama_digest,
    ollama_wire,
    openai_digest,
    openai_wire,
)
from tenthman.config import LanguageModelSettings
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import Ask, Prompt, Reply, ReplyState

log = structlog.get_logger(__name__)

BUSY = frozenset({429, 503})
UNANSWERABLE = frozenset({400, 413, 422})
"""Statuses that blame the question: the same one would be refused again, so the refusal is an (invalid) answer."""

TRIES = 3
FIRST_WAIT_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A model that can be asked. `digest` names weights and sampling: equal digest and prompt, same answer wanted.

    `weights` is the digest of the weights alone, `parallel` how many questions are put at once.
    """

    name: str
    digest: str
    weights: str
    ask: Ask
    parallel: int
    prose: bool


@contextmanager
def open_language_model(settings: LanguageModelSettings, home: Path) -> Iterator[LanguageModel]:
    """The model that `settings` name, for as long as the context lasts; starts the embedded server where asked to.

    Raises SetupError when the model's weights, its server or the model on it are not there.
    """
    match settings.backend:
        case "embedded":
            weights = find_weights(settings.model)
            digest = weights_digest(weights, home)
            with EmbeddedModelServer(weights, settings, home) as server, _client(server.base_url, settings) as client:
                client.headers["Authorization"] = f"Bearer {server.api_key}"
                yield _model(settings, digest, openai_wire(client, settings, compact=True))
        case "openai":
            with _client(_address(settings), settings) as client:
                yield _model(settings, openai_digest(settings), openai_wire(client, settings, compact=False))
        case "ollama":
            with BoundedTransport(settings.reply_timeout_s) as transport:
                host = ollama.Client(
                    host=_address(settings), timeout=_timeout(settings), transport=transport, follow_redirects=False
                )
                yield _model(settings, ollama_digest(host, settings.model), ollama_wire(host, settings))


def recorded_digest(settings: LanguageModelSettings, home: Path) -> str:
    """The digest under which the tape holds the replies of this model; no server is started.

    Raises SetupError when the weights are not there, or the model is Ollama's and its server does not answer.
    """
    match settings.backend:
        case "embedded":
            weights = weights_digest(find_weights(settings.model), home)
        case "openai":
            weights = openai_digest(settings)
        case "ollama":
            host = ollama.Client(host=_address(settings), timeout=_timeout(settings), follow_redirects=False)
            weights = ollama_digest(host, settings.model)
    return _digest(settings, weights)


def asking(wire: Wire, name: str, digest: str, parallel: int) -> Ask:
    """An `ask` over `wire` with at most `parallel` questions at once; every failure becomes a reply's state."""

    def put(prompt: Prompt) -> Reply:
        began = time.monotonic()
        answer = _outcome(wire, prompt)
        return Reply(
            prompt_hash=prompt.hash,
            state=answer.state,
            text=answer.text,
            model=name,
            model_digest=digest,
            prompt_tokens=answer.prompt_tokens,
            reply_tokens=answer.reply_tokens,
            latency_ms=round((time.monotonic() - began) * 1000),
        )

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        if parallel == 1 or len(prompts) == 1:
            return tuple(put(prompt) for prompt in prompts)
        with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="ask") as pool:
            return tuple(pool.map(put, prompts))

    return ask


def _model(settings: LanguageModelSettings, weights: str, wire: Wire) -> LanguageModel:
    digest = _digest(settings, weights)
    return LanguageModel(
        name=settings.model,
        digest=digest,
        weights=weights,
        ask=asking(wire, settings.model, digest, settings.parallel),
        parallel=settings.parallel,
        prose=settings.prose,
    )


def _digest(settings: LanguageModelSettings, weights: str) -> str:
    sampling = [settings.backend, settings.temperature, settings.seed, settings.context_tokens]
    return content_hash([weights, *sampling])


def _outcome(wire: Wire, prompt: Prompt) -> Answer:
    try:
        return _patiently(wire, prompt)
    except httpx.ConnectTimeout as error:
        return _nothing(ReplyState.UNREACHABLE, error)
    except httpx.TimeoutException as error:
        return _nothing(ReplyState.TIMED_OUT, error)
    except (httpx.HTTPError, ConnectionError) as error:
        return _nothing(ReplyState.UNREACHABLE, error)
    except Refused as error:
        state = ReplyState.INVALID if error.status in UNANSWERABLE else ReplyState.UNREACHABLE
        return _nothing(state, error)
    except (BadReply, ReplyTooLarge) as error:
        return _nothing(ReplyState.INVALID, error)


def _patiently(wire: Wire, prompt: Prompt) -> Answer:
    """A busy server is asked again, twice and not at once."""
    for attempt in range(TRIES - 1):
        try:
            return wire(prompt)
        except Refused as error:
            if error.status not in BUSY:
                raise
            time.sleep(FIRST_WAIT_S * 2**attempt)
    return wire(prompt)


def _nothing(state: ReplyState, error: Exception) -> Answer:
    log.warning("a language model gave no answer", state=state.value, error=repr(error)[:300])
    return Answer(state=state, text="", prompt_tokens=0, reply_tokens=0)


def _address(settings: LanguageModelSettings) -> str:
    """`base_url`, or SetupError when it is no address of a web server."""
    try:
        url = httpx.URL(settings.base_url or "")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise SetupError(f"`language.base_url` in models.yaml must be an http(s) address, was {settings.base_url!r}")
    return str(url)


def _client(base_url: str, settings: LanguageModelSettings) -> httpx.Client:
    """`base_url` with or without a closing `/v1`, as either is usual."""
    return httpx.Client(
        base_url=base_url.rstrip("/").removesuffix("/v1"),
        timeout=_timeout(settings),
        transport=BoundedTransport(settings.reply_timeout_s),
    )


def _timeout(settings: LanguageModelSettings) -> httpx.Timeout:
    return httpx.Timeout(settings.reply_timeout_s, connect=settings.connect_timeout_s)
