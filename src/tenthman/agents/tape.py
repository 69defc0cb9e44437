"""The tape: every reply of a language model, raw, so that a decision can be made again without the model.

The same prompt to the same model (weights and sampling) has one answer: the first that was recorded.
"""

import json
from dataclasses import replace

from psycopg.types.json import Jsonb

from tenthman.db.pool import Pool
from tenthman.db.sql import load_queries
from tenthman.domain.canonical import canonical_json, plain
from tenthman.domain.errors import TapeMiss
from tenthman.domain.opinion import PASSING, Ask, Prompt, Reply, ReplyState

_QUERIES = load_queries("tenthman.agents", "queries.sql")


def taped(ask: Ask, pool: Pool, digest: str) -> Ask:
    """An `ask` that plays what the tape holds and puts only the other prompts, recording what comes back.

    A reply is recorded before it is returned, and what is returned is what was recorded: a character that PostgreSQL
    cannot hold is replaced in both. A reply in a PASSING state is recorded apart, and its question put again. Raises
    only what the database raises.
    """

    def play(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        held = _held(pool, digest, prompts)
        missing = tuple(prompt for prompt in prompts if prompt.hash not in held)
        if not missing:
            return tuple(held[prompt.hash] for prompt in prompts)
        asked = {reply.prompt_hash: reply for reply in ask(missing)}
        _record(pool, digest, missing, asked)
        recorded = _held(pool, digest, missing)
        fresh = {hash_: replace(reply, from_tape=False) for hash_, reply in recorded.items()}
        found = {**asked, **fresh, **held}
        return tuple(found[prompt.hash] for prompt in prompts if prompt.hash in found)

    return play


def tape_only(pool: Pool, digest: str) -> Ask:
    """An `ask` that knows nothing but the tape; TapeMiss names the first prompt that it does not hold."""

    def play(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        held = _held(pool, digest, prompts)
        for prompt in prompts:
            if prompt.hash not in held:
                raise TapeMiss(f"no reply of model {digest[:12]} to the {prompt.role.value}'s prompt {prompt.hash}")
        return tuple(held[prompt.hash] for prompt in prompts)

    return play


def _held(pool: Pool, digest: str, prompts: tuple[Prompt, ...]) -> dict[str, Reply]:
    hashes = [prompt.hash for prompt in prompts]
    with pool.connection() as connection:
        rows = connection.execute(_QUERIES["replies"], {"digest": digest, "hashes": hashes}).fetchall()
    return {
        hash_: Reply(
            prompt_hash=hash_,
            state=ReplyState(state),
            text=text,
            model=model,
            model_digest=digest,
            prompt_tokens=prompt_tokens,
            reply_tokens=reply_tokens,
            latency_ms=latency_ms,
            from_tape=True,
            read_ms=read_ms,
            write_ms=write_ms,
            options_json=canonical_json(options),
            failure=failure,
        )
        for (
            hash_,
            state,
            text,
            model,
            prompt_tokens,
            reply_tokens,
            latency_ms,
            options,
            read_ms,
            write_ms,
            failure,
        ) in rows
    }


def _record(pool: Pool, digest: str, prompts: tuple[Prompt, ...], replies: dict[str, Reply]) -> None:
    answered: list[dict[str, object]] = []
    unanswered: list[dict[str, object]] = []
    for prompt in prompts:
        reply = replies.get(prompt.hash)
        if reply is not None:
            (unanswered if reply.state in PASSING else answered).append(_row(digest, prompt, reply))
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(_QUERIES["keep_reply"], answered)
        cursor.executemany(_QUERIES["keep_unanswered"], unanswered)


def _row(digest: str, prompt: Prompt, reply: Reply) -> dict[str, object]:
    return {
        "prompt_hash": prompt.hash,
        "digest": digest,
        "model": reply.model,
        "role": prompt.role.value,
        "prompt": Jsonb(plain(prompt)),
        "state": reply.state.value,
        "reply": _storable(reply.text),
        "prompt_tokens": reply.prompt_tokens,
        "reply_tokens": reply.reply_tokens,
        "latency_ms": reply.latency_ms,
        "options": Jsonb(json.loads(reply.options_json)),
        "read_ms": reply.read_ms,
        "write_ms": reply.write_ms,
        "failure": _storable(reply.failure),
    }


def _storable(text: str) -> str:
    """PostgreSQL holds neither NUL nor half a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\N{REPLACEMENT CHARACTER}")
