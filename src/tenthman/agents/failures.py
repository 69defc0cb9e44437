"""Why a question came to nothing: the state that it is in, and a line that says what to do about it.

What a server says of itself is quoted, cleaned and cut; it may know more than we do.
"""

import httpx

from tenthman.agents.prose import RATIONALE_CHARACTERS
from tenthman.agents.text import clean
from tenthman.agents.wires import BadReply, Refused, place_of
from tenthman.config import LanguageModelSettings
from tenthman.domain.opinion import Prompt, ReplyState
from tenthman.utils.bounded_http import ReplyTooLarge

BUSY = frozenset({429, 503})
UNANSWERABLE = frozenset({400, 413, 422})
"""Statuses that blame the question: the same one would be refused again, so the refusal is an (invalid) answer."""

BARRED = frozenset({401, 403})

TOO_SLOW = "raise `reply_timeout_s` in models.yaml (a role's `deadline_s` in agents.yaml), or take a quicker model"
TOO_LONG = "raise `context_tokens` in models.yaml, or lower `case_passages` in agents.yaml"

_API = {
    "embedded": "the embedded server",
    "openai": "a server with OpenAI's /v1/chat/completions",
    "ollama": "Ollama",
}


def cut_off(prompt: Prompt) -> str:
    """What is told of an answer that ended at the budget of its role."""
    return (
        f"cut off at `max_tokens` {prompt.max_tokens}: raise `roles.{prompt.role.value}.max_tokens` in agents.yaml, or "
        "take a model that keeps to short answers"
    )


def failure_of(error: Exception, settings: LanguageModelSettings) -> tuple[ReplyState, str]:
    """The state and the message of a question that `error` ended. Never raises."""
    match error:
        case httpx.ConnectTimeout() | httpx.ConnectError() | ConnectionError():
            return ReplyState.UNREACHABLE, f"no server answers at {place_of(settings)}{_start(settings)}"
        case httpx.TimeoutException():
            return ReplyState.TIMED_OUT, f"nothing whole came within {settings.reply_timeout_s:g} s: {TOO_SLOW}"
        case httpx.HTTPError():
            told = f"the line broke before the answer was whole: see the log of {_server(settings)}"
            return ReplyState.UNREACHABLE, told
        case Refused():
            return _refused(error, settings)
        case ReplyTooLarge():
            return ReplyState.INVALID, f"{error}: {place_of(settings)} is no server of short answers"
        case BadReply():
            return ReplyState.INVALID, f"{_shown(error)}{_wrong_kind(error, settings)}"
        case _:
            return ReplyState.INVALID, _shown(error)


def _refused(error: Refused, settings: LanguageModelSettings) -> tuple[ReplyState, str]:
    said = clean(str(error), RATIONALE_CHARACTERS)
    if error.status in UNANSWERABLE:
        return ReplyState.INVALID, f"the server refused the question ({said}){_remedy(said)}"
    if error.status in BUSY:
        return ReplyState.UNREACHABLE, f"the server stayed busy ({said}): lower `language.parallel` in models.yaml"
    if error.status in BARRED:
        return ReplyState.UNREACHABLE, f"the server asks for a key and the desk sends none ({said}): serve it without"
    if error.status == httpx.codes.NOT_FOUND:
        return ReplyState.UNREACHABLE, f"{_unknown(settings)} ({said})"
    return ReplyState.UNREACHABLE, f"the server failed ({said}): see the log of {_server(settings)}"


def _remedy(said: str) -> str:
    lower = said.lower()
    if "context" in lower or "too long" in lower:
        return f": {TOO_LONG}"
    if any(word in lower for word in ("schema", "grammar", "response_format")):
        return ": it does not take the schema of an answer, so another server is needed for this model"
    return ""


def _shown(error: Exception) -> str:
    return clean(str(error), RATIONALE_CHARACTERS)


def _wrong_kind(error: BadReply, settings: LanguageModelSettings) -> str:
    """A server that answers in another shape speaks another API; one whose answer has the shape told its own remedy."""
    if error.has_shape:
        return ""
    return f": is it {_API[settings.backend]}? See `language.backend` and `language.base_url` in models.yaml"


def _server(settings: LanguageModelSettings) -> str:
    return "logs/model-server.log" if settings.backend == "embedded" else f"the server at {place_of(settings)}"


def _unknown(settings: LanguageModelSettings) -> str:
    if settings.backend == "ollama":
        return f"Ollama has no model {settings.model!r}: run `ollama pull {settings.model}`"
    return f"the server has no model {settings.model!r} or no /v1/chat/completions: see `language.model` in models.yaml"


def _start(settings: LanguageModelSettings) -> str:
    return {"ollama": ": start it with `ollama serve`", "openai": ": start it, or correct `language.base_url`"}.get(
        settings.backend, ": the embedded server has ended, see logs/model-server.log"
    )
