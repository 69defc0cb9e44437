"""What is alike in all that is asked of an Ollama server, whatever its models are for."""

from collections.abc import Sequence

import httpx
import ollama

from tenthman.utils.bounded_http import ReplyTooLarge

FAILURES = (
    ConnectionError,
    httpx.HTTPError,
    ollama.ResponseError,
    ReplyTooLarge,
    TypeError,
    ValueError,
    RecursionError,
)
"""What Ollama's client raises where the server is away, refuses, or answers with what is no answer."""


def digest_of(model: str, listed: Sequence[ollama.ListResponse.Model]) -> str | None:
    """The digest that the server lists for `model`, which may be named without its tag; None where it has no such."""
    wanted = {model, f"{model}:latest"}
    return next((item.digest for item in listed if item.model in wanted and item.digest), None)
