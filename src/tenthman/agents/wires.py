"""The two wires to a language model: OpenAI's chat completions, and Ollama's own API in the types of its own client.

A wire puts one prompt and returns an `Answer`; what goes wrong is raised, and named in `llm_interface`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import ollama
import structlog

from tenthman.agents.base import split
from tenthman.agents.text import clean
from tenthman.config import LanguageModelSettings
from tenthman.domain.canonical import content_hash
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import Prompt, ReplyState
from tenthman.utils.bounded_http import ReplyTooLarge
from tenthman.utils.ollama_models import FAILURES, digest_of

log = structlog.get_logger(__name__)

OLLAMA_KEEP_ALIVE = "30m"
NAMES_SHOWN, NAME_CHARACTERS = 8, 60
"""Of a server's own models, in a message."""
COMPLAINT_CHARACTERS = 160


class BadReply(Exception):
    """The server answered, but not in the shape that its API promises, or (`has_shape`) with what is no answer."""

    def __init__(self, text: str, *, has_shape: bool = False) -> None:
        super().__init__(text)
        self.has_shape = has_shape


class Refused(Exception):
    """The server answered with an HTTP status other than success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text[:200]}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said: ANSWERED or TRUNCATED, the text, and the tokens read and written.

    `read_ms`, `write_ms`: by the server's own clock, 0 where it does not say. `failure`: why there is no answer.
    """

    state: ReplyState
    text: str
    prompt_tokens: int
    reply_tokens: int
    read_ms: int = 0
    write_ms: int = 0
    failure: str = ""


Wire = Callable[[Prompt], Answer]


def openai_wire(client: httpx.Client, settings: LanguageModelSettings, *, compact: bool) -> Wire:
    """Chat completions on `client` (its base URL is the server's, without `/v1`).

    `compact`: the server is llama.cpp's, whose own grammar keeps white space out of the answer and so halves its
    length; other servers get the schema as a response format.
    """

    def put(prompt: Prompt) -> Answer:
        body = {**_question(prompt, settings), **_constraint(prompt, compact=compact)}
        response = client.post("/v1/chat/completions", json=body)
        if response.status_code != httpx.codes.OK:
            raise Refused(response.status_code, response.text)
        return _completion(response)

    return put


def ollama_wire(client: httpx.Client, settings: LanguageModelSettings) -> Wire:
    """Ollama's `/api/chat`. Options are equal for all prompts: a change of `num_ctx` would load the model again.

    The official client cannot say `truncate` and `shift`, without which Ollama shortens a prompt that does not fit and
    goes on beyond the context, so the question is put plainly. A server too old to know them is found out by its count
    of tokens: an answer to a prompt that left no room is bad.
    """

    def put(prompt: Prompt) -> Answer:
        system, user = split(prompt)
        body = _ollama_question(settings, {"num_predict": prompt.max_tokens}) | {
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "format": json.loads(prompt.schema_json),
        }
        response = client.post("/api/chat", json=body)
        if response.status_code != httpx.codes.OK:
            raise Refused(response.status_code, _complaint(response))
        try:
            answer = ollama.ChatResponse(**response.json())
        except (TypeError, ValueError, RecursionError, AttributeError) as error:
            raise BadReply(f"not a chat response: {str(error)[:200]!r}") from None
        return _ollama_answer(answer, prompt, settings)

    return put


def ollama_warm_up(client: httpx.Client, settings: LanguageModelSettings) -> None:
    """Have Ollama load the model, which can take longer than an answer may. What goes wrong, questions will tell."""
    try:
        response = client.post("/api/chat", json=_ollama_question(settings, {}) | {"messages": []})
    except (httpx.HTTPError, ReplyTooLarge) as error:
        log.warning("the model was not loaded ahead of its questions", model=settings.model, error=repr(error)[:300])
        return
    if response.status_code != httpx.codes.OK:
        log.warning(
            "the model was not loaded ahead of its questions", model=settings.model, status=response.status_code
        )


def place_of(settings: LanguageModelSettings) -> str:
    """Host and port of the server alone: an address may carry a password."""
    url = httpx.URL(settings.base_url or "")
    return f"{url.host}:{url.port}" if url.port else url.host or "its address"


def _ollama_question(settings: LanguageModelSettings, options: dict[str, int]) -> dict[str, Any]:
    """What is equal for all questions, but for `options`."""
    usual = {"num_ctx": settings.context_tokens, "temperature": settings.temperature, "seed": settings.seed}
    return {
        "model": settings.model,
        "options": {**usual, **options},
        "keep_alive": OLLAMA_KEEP_ALIVE,
        "stream": False,
        "truncate": False,
        "shift": False,
    }


def _complaint(response: httpx.Response) -> str:
    """The server's own words, out of Ollama's `error` where they are there."""
    try:
        told = response.json()["error"]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        return response.text
    return told if isinstance(told, str) else response.text


def ollama_digest(client: ollama.Client, settings: LanguageModelSettings) -> str:
    """The digest that Ollama lists for the model; SetupError when the server is down or has no such model."""
    model = settings.model
    try:
        listed = client.list().models
    except FAILURES as error:
        raise SetupError(
            f"Ollama does not answer at `language.base_url`, {place_of(settings)}: "
            f"{clean(str(error), COMPLAINT_CHARACTERS)}; start it with `ollama serve`"
        ) from None
    if digest := digest_of(model, listed):
        return digest
    held = ", ".join(sorted(clean(item.model, NAME_CHARACTERS) for item in listed if item.model)[:NAMES_SHOWN])
    raise SetupError(
        f"Ollama has no model {model!r}: run `ollama pull {model}`, or name one that it has ({held or 'it has none'})"
    )


def slots_of(client: httpx.Client, timeout_s: float) -> int | None:
    """How many questions the server says it takes at once (llama.cpp's `/props`); None where it does not say.

    Ollama and vLLM do not say: a busy one answers 503 or 429, and is asked again after a while.
    """
    try:
        told = client.get("/props", timeout=timeout_s).json()
    except (httpx.HTTPError, ReplyTooLarge, ValueError, RecursionError):
        return None
    slots = told.get("total_slots") if isinstance(told, dict) else None
    return slots if isinstance(slots, int) and not isinstance(slots, bool) and slots >= 1 else None


def openai_digest(settings: LanguageModelSettings) -> str:
    """Stands for weights that cannot be seen: the model's name and the host that serves it."""
    host = httpx.URL(settings.base_url or "").host
    return content_hash([settings.model, host])


def _question(prompt: Prompt, settings: LanguageModelSettings) -> dict[str, Any]:
    system, user = split(prompt)
    return {
        "model": settings.model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "max_tokens": prompt.max_tokens,
        "temperature": settings.temperature,
        "seed": settings.seed,
    }


def _constraint(prompt: Prompt, *, compact: bool) -> dict[str, Any]:
    if compact:
        return {"grammar": f"%llguidance {{}}\nstart: %json {prompt.schema_json}", "cache_prompt": True}
    schema = json.loads(prompt.schema_json)
    schema.pop("x-guidance", None)
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "critique", "strict": True, "schema": schema},
        }
    }


def _completion(response: httpx.Response) -> Answer:
    try:
        body = response.json()
        choice = body["choices"][0]
        text, reason = choice["message"]["content"], choice["finish_reason"]
        usage = body.get("usage") or {}
        prompt_tokens, reply_tokens = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
        clock = body.get("timings") or {}
        spent = _milliseconds(clock.get("prompt_ms")), _milliseconds(clock.get("predicted_ms"))
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadReply(f"not a chat completion: {error!r}") from None
    return _answer(text, reason, (prompt_tokens, reply_tokens), spent)


def _ollama_answer(response: ollama.ChatResponse, prompt: Prompt, settings: LanguageModelSettings) -> Answer:
    tokens = response.prompt_eval_count, response.eval_count
    spent = _nanoseconds(response.prompt_eval_duration), _nanoseconds(response.eval_duration)
    answer = _answer(response.message.content, response.done_reason, tokens, spent)
    if answer.prompt_tokens + prompt.max_tokens > settings.context_tokens:
        raise BadReply(
            f"the prompt must leave {prompt.max_tokens} of `context_tokens` {settings.context_tokens}, "
            f"had {answer.prompt_tokens} tokens: raise `context_tokens`, or lower `case_passages` in agents.yaml",
            has_shape=True,
        )
    return answer


def _answer(text: object, reason: object, tokens: tuple[object, object], spent: tuple[int, int]) -> Answer:
    if not isinstance(text, str) or reason not in {"stop", "length"}:
        raise BadReply(f"the answer must be text that ended by 'stop' or 'length', ended by {reason!r}")
    return Answer(
        state=ReplyState.TRUNCATED if reason == "length" else ReplyState.ANSWERED,
        text=text,
        prompt_tokens=_count(tokens[0]),
        reply_tokens=_count(tokens[1]),
        read_ms=spent[0],
        write_ms=spent[1],
    )


def _milliseconds(value: object) -> int:
    """llama.cpp gives fractions of milliseconds; what is no time counts as not said."""
    return _whole_milliseconds(value, 1)


def _nanoseconds(value: object) -> int:
    return _whole_milliseconds(value, 1_000_000)


def _whole_milliseconds(value: object, per_millisecond: int) -> int:
    """The bound comes before the division: a whole number from outside may be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**31 * per_millisecond:
        return 0
    return min(round(value / per_millisecond), 2**31 - 1)


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0
