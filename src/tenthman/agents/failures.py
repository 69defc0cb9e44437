"""Why a question came to nothing: the state that it is in, and a line that says what to do about it.

What a server says of itself is quoted, cleaned and cut; it may know more than we do.
"""

import httpx

from tenthman.agents.prose import RATIONALE_CHARACTERS
from tenthman.agents.text import clean
from tenthman.agents.wires import Refused
from tenthman.config import LanguageModelSettings
from tenthman.domain.opinion import ReplyState

BUSY = frozenset({429, 503})
UNANSWERABLE = frozenset({400, 413, 422})
"""Statuses that blame the question: the same one would be refused again, so the refusal is an (invalid) answer."""

TOO_LONG = "raise `context_tokens` in models.yaml, or lower `case_passages` in agents.yaml"


def failure_of(error: Exception, settings: LanguageModelSettings) -> tuple[ReplyState, str]:
    """The state and the message of a question that `error` ended. Never raises."""
    match error:
        case httpx.ConnectTimeout() | httpx.ConnectError() | ConnectionError():
            return ReplyState.UNREACHABLE, f"no server answers at {_place(settings)}{_start(settings)}"
        case httpx.TimeoutException():
            return ReplyState.TIMED_OUT, f"nothing whole came within {settings.reply_timeout_s:g} s"
        case httpx.HTTPError():
            return ReplyState.UNREACHABLE, "the line broke before the answer was whole"
        case Refused():
            return _refused(error, settings)
        case _:
            return ReplyState.INVALID, clean(str(error), RATIONALE_CHARACTERS)


def _refused(error: Refused, settings: LanguageModelSettings) -> tuple[ReplyState, str]:
    said = clean(str(error), RATIONALE_CHARACTERS)
    if error.status in UNANSWERABLE:
        return ReplyState.INVALID, f"the server refused the question ({said}){_remedy(said)}"
    if error.status in BUSY:
        return ReplyState.UNREACHABLE, f"the server stayed busy ({said})"
    if error.status == httpx.codes.NOT_FOUND:
        return ReplyState.UNREACHABLE, f"{_unknown(settings)} ({said})"
    return ReplyState.UNREACHABLE, f"the server failed ({said})"


def _remedy(said: str) -> str:
    lower = said.lower()
    if "context" in lower or "too long" in lower:
        return f": {TOO_LONG}"
    if any(word in lower for word in ("schema", "grammar", "response_format")):
        return ": it does not take the schema of an answer, so another server is needed for this model"
    return ""


def _unknown(settings: LanguageModelSettings) -> str:
    if settings.backend == "ollama":
        return f"Ollama has no model {settings.model!r}: run `ollama pull {settings.model}`"
    return f"the server has no model {settings.model!r} or no /v1/chat/completions: see `language.model` in models.yaml"


def _place(settings: LanguageModelSettings) -> str:
    """Host and port alone: an address may carry a password."""
    url = httpx.URL(settings.base_url or "")
    return f"{url.host}:{url.port}" if url.port else url.host or "its address"


def _start(settings: LanguageModelSettings) -> str:
    return {"ollama": ": start it with `ollama serve`", "openai": ": start it, or correct `language.base_url`"}.get(
        settings.backend, ": the embedded server has ended, see logs/model-server.log"
    )
