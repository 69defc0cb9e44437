"""A language model as the desk sees it: `ask` takes prompts and returns one reply for each, and never raises.

What goes wrong has a name: no server or a broken line is UNREACHABLE, silence is TIMED_OUT, an answer cut off is
TRUNCATED, nonsense is INVALID, a question not put because the time was spent is OVER_BUDGET.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import ollama
import structlog

from tenthman.agents.embedded import EmbeddedModelServer
from tenthman.agents.failures import BUSY, cut_off, failure_of
from tenthman.agents.weights import find_weights, weights_digest
from tenthman.agents.wires import (
    Answer,
    BadReply,
    Refused,
    Wire,
    ollama_digest,
    ollama_warm_up,
    ollama_wire,
    openai_digest,
    openai_wire,
    slots_of,
)
from tenthman.config import LanguageModelSettings, Roles, RoleSettings
from tenthman.domain.canonical import canonical_json, content_hash
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import Ask, Prompt, Reply, ReplyState, Role
from tenthman.utils.bounded_calls import NotDone, within
from tenthman.utils.bounded_http import BoundedTransport, ReplyTooLarge

log = structlog.get_logger(__name__)

TRIES = 3
FIRST_WAIT_S = 0.25
LOAD_S = 120.0
"""What Ollama is given to load a model before the first question."""
LOAD_WAIT_S = 10.0
"""What a start waits for that; the loading goes on meanwhile, for Ollama gives it up when nobody listens any more."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Where the questions of a role are put: the wire, the model's name there, and how it is asked.

    `weights` is the digest of that model's weights, `slots` how many questions the server says it takes at once; None
    where it does not say.
    """

    wire: Wire
    settings: LanguageModelSettings
    weights: str
    slots: int | None = None


@contextmanager
def open_language_model(
    settings: LanguageModelSettings, home: Path, roles: Roles | None = None
) -> Iterator[LanguageModel]:
    """The model that `settings` name, for as long as the context lasts; starts the embedded server where asked to.

    At most `settings.parallel` questions are put at once, and no more than the server says it serves.

    `roles` may give single agents a model on the same server, a temperature and a deadline of their own. Raises
    SetupError when the model's weights, its server or the model on it are not there.
    """
    with ExitStack() as stack:
        open_seat = _opener(settings, home, stack)
        seats = {own: open_seat(own) for own in dict.fromkeys((settings, *_by_role(settings, roles).values()))}
        by_role = {role: seats[own] for role, own in _by_role(settings, roles).items()}
        digest = _digest(seats[settings].settings, seats[settings].weights, _deviations(settings, roles, seats))
        served = [seat.slots for seat in seats.values() if seat.slots is not None]
        parallel = min([settings.parallel, *served])
        yield LanguageModel(
            name=settings.model,
            digest=digest,
            weights=seats[settings].weights,
            ask=asking_by_role(lambda role: by_role.get(role, seats[settings]), digest, parallel),
            parallel=parallel,
            prose=settings.prose,
        )


def recorded_digest(settings: LanguageModelSettings, home: Path, roles: Roles | None = None) -> str:
    """The digest under which the tape holds the replies of this model; no server is started.

    Raises SetupError when the weights are not there, or the model is Ollama's and its server does not answer.
    """
    by_role = _by_role(settings, roles)
    weights = {own: _weights(own, home) for own in dict.fromkeys((settings, *by_role.values()))}
    seats = {own: Seat(wire=_unasked, settings=own, weights=digest) for own, digest in weights.items()}
    return _digest(settings, weights[settings], _deviations(settings, roles, seats))


def asking_by_role(seat_of: Callable[[Role], Seat], digest: str, parallel: int) -> Ask:
    """An `ask` with at most `parallel` questions at once; every failure becomes a reply's state and message."""

    def put(prompt: Prompt) -> Reply:
        seat = seat_of(prompt.role)
        began = time.monotonic()
        answer = _outcome(seat, prompt)
        return Reply(
            prompt_hash=prompt.hash,
            state=answer.state,
            text=answer.text,
            model=seat.settings.model,
            model_digest=digest,
            prompt_tokens=answer.prompt_tokens,
            reply_tokens=answer.reply_tokens,
            latency_ms=round((time.monotonic() - began) * 1000),
            read_ms=answer.read_ms,
            write_ms=answer.write_ms,
            failure=answer.failure,
            options_json=canonical_json(_options(seat.settings, prompt)),
        )

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        if parallel == 1 or len(prompts) == 1:
            return tuple(put(prompt) for prompt in prompts)
        with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="ask") as pool:
            return tuple(pool.map(put, prompts))

    return ask


def _opener(settings: LanguageModelSettings, home: Path, stack: ExitStack) -> Callable[[LanguageModelSettings], Seat]:
    """How to reach a model of the backend; what is opened for it lasts as long as `stack`."""
    match settings.backend:
        case "embedded":
            weights = find_weights(settings.model)
            digest = weights_digest(weights, home)
            server = stack.enter_context(EmbeddedModelServer(weights, settings, home))

            def embedded(own: LanguageModelSettings) -> Seat:
                client = stack.enter_context(_client(server.base_url, own))
                client.headers["Authorization"] = f"Bearer {server.api_key}"
                return Seat(wire=openai_wire(client, own, compact=True), settings=own, weights=digest)

            return embedded
        case "openai":

            def openai(own: LanguageModelSettings) -> Seat:
                client = stack.enter_context(_client(_address(own), own))
                slots = slots_of(client, own.connect_timeout_s)
                wire = openai_wire(client, own, compact=False)
                return Seat(wire=wire, settings=own, weights=openai_digest(own), slots=slots)

            return openai
        case "ollama":
            loading: set[str] = set()

            def ollamas(own: LanguageModelSettings) -> Seat:
                digest = _weights(own, home)
                if own.model not in loading:
                    loading.add(own.model)
                    _load(own)
                client = stack.enter_context(_client(_address(own), own))
                return Seat(wire=ollama_wire(client, own), settings=own, weights=digest)

            return ollamas


def _load(settings: LanguageModelSettings) -> None:
    """Have Ollama load the model, and wait for it no longer than `LOAD_WAIT_S`."""

    def load() -> None:
        with _client(_address(settings), settings, LOAD_S) as patient:
            ollama_warm_up(patient, settings)

    try:
        within(LOAD_WAIT_S, load, "load")
    except NotDone:
        log.warning(
            "the model is still being loaded: the first questions may not be answered in time",
            model=settings.model,
            waited_s=LOAD_WAIT_S,
        )


def _weights(settings: LanguageModelSettings, home: Path) -> str:
    match settings.backend:
        case "embedded":
            return weights_digest(find_weights(settings.model), home)
        case "openai":
            return openai_digest(settings)
        case "ollama":
            with _ollama_client(settings) as client:
                return ollama_digest(client, settings)


def _unasked(_prompt: Prompt) -> Answer:
    raise RuntimeError("a model whose digest alone was wanted is not to be asked")


def _by_role(settings: LanguageModelSettings, roles: Roles | None) -> dict[Role, LanguageModelSettings]:
    """`settings` with what each role that is switched on has of its own."""
    if roles is None:
        return {}
    named = {
        Role.ANALYST: roles.analyst,
        Role.BULL: roles.bull,
        Role.BEAR: roles.bear,
        Role.RISK: roles.risk,
        Role.COMMITTEE: roles.committee,
    }
    return {role: _own(settings, role, asked) for role, asked in named.items() if asked.enabled}


def _own(settings: LanguageModelSettings, role: Role, asked: RoleSettings) -> LanguageModelSettings:
    if settings.backend == "embedded" and asked.model not in {None, settings.model}:
        raise SetupError(
            f"`roles.{role.value}.model` in agents.yaml must be null with the embedded backend, which serves one "
            f"model; was {asked.model!r}"
        )
    given = {"model": asked.model, "temperature": asked.temperature, "reply_timeout_s": asked.deadline_s}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


def _deviations(
    settings: LanguageModelSettings, roles: Roles | None, seats: Mapping[LanguageModelSettings, Seat]
) -> dict[str, list[object]]:
    """What a role's answer depends on otherwise than the rest: its model's weights and its temperature."""
    usual = (settings.model, settings.temperature)
    return {
        role.value: [seats[own].weights, own.temperature]
        for role, own in _by_role(settings, roles).items()
        if (own.model, own.temperature) != usual
    }


def _digest(settings: LanguageModelSettings, weights: str, deviations: Mapping[str, list[object]]) -> str:
    sampling = [settings.backend, settings.temperature, settings.seed, settings.context_tokens]
    return content_hash([weights, *sampling, *([deviations] if deviations else [])])


def _options(settings: LanguageModelSettings, prompt: Prompt) -> dict[str, object]:
    """How a question is put, for the record."""
    return {
        "backend": settings.backend,
        "model": settings.model,
        "temperature": settings.temperature,
        "seed": settings.seed,
        "context_tokens": settings.context_tokens,
        "max_tokens": prompt.max_tokens,
        "deadline_s": settings.reply_timeout_s,
    }


def _outcome(seat: Seat, prompt: Prompt) -> Answer:
    try:
        answer = _patiently(seat.wire, prompt)
    except (httpx.HTTPError, ConnectionError, Refused, BadReply, ReplyTooLarge) as error:
        state, told = failure_of(error, seat.settings)
        log.warning("a language model gave no answer", state=state.value, cause=told, error=repr(error)[:300])
        return Answer(state=state, text="", prompt_tokens=0, reply_tokens=0, failure=told)
    if answer.state is ReplyState.TRUNCATED:
        return replace(answer, failure=cut_off(prompt))
    return answer


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


def _address(settings: LanguageModelSettings) -> str:
    """`base_url`, or SetupError when it is no address of a web server."""
    try:
        url = httpx.URL(settings.base_url or "")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise SetupError(f"`language.base_url` in models.yaml must be an http(s) address, was {settings.base_url!r}")
    return str(url)


def _client(base_url: str, settings: LanguageModelSettings, least_s: float = 0.0) -> httpx.Client:
    """`base_url` with or without a closing `/v1`, as either is usual. `least_s`: time for a reply, at least."""
    seconds = max(settings.reply_timeout_s, least_s)
    return httpx.Client(
        base_url=base_url.rstrip("/").removesuffix("/v1"),
        timeout=httpx.Timeout(seconds, connect=settings.connect_timeout_s),
        transport=BoundedTransport(seconds),
    )


def _ollama_client(settings: LanguageModelSettings) -> ollama.Client:
    transport = BoundedTransport(settings.reply_timeout_s)
    return ollama.Client(
        host=_address(settings), timeout=_timeout(settings), transport=transport, follow_redirects=False
    )


def _timeout(settings: LanguageModelSettings) -> httpx.Timeout:
    return httpx.Timeout(settings.reply_timeout_s, connect=settings.connect_timeout_s)
