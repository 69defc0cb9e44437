"""What every embedder promises, asked of the installed model and of a server that speaks Ollama's wire."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tenthman.config import EmbeddingSettings
from tenthman.db.pool import Pool
from tenthman.domain.errors import DataMissing, SetupError
from tenthman.news.embedder import TextEmbedder
from tenthman.news.ollama_embedder import OllamaEmbedder, open_embedder
from tenthman.news.storage import NewsStore

DIGEST = "sha256:0a109f422b47e3a30ba2b10eca18548e944e8a23073ee3f3e947efcf3c45e59f"


class Ollama:
    """`/api/tags` and `/api/embed` as recorded; vectors of 768 numbers, not of length 1, that depend on the text."""

    def __init__(self) -> None:
        outer = self
        self.asked: list[dict[str, object]] = []
        self.answer: Callable[[Sequence[str]], tuple[int, bytes]] = self.vectors
        self.drip: threading.Event | None = None

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                named = {"name": "embed:latest", "model": "embed:latest", "digest": DIGEST, "size": 1}
                outer.send(self, 200, json.dumps({"models": [named]}).encode())

            def do_POST(self) -> None:  # the library's name
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(asked)
                texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
                if outer.drip is None:
                    outer.send(self, *outer.answer(texts))
                else:
                    outer.send_in_drops(self, outer.drip)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @staticmethod
    def send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(body)

    @staticmethod
    def send_in_drops(handler: BaseHTTPRequestHandler, enough: threading.Event) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with suppress(OSError):
            while not enough.wait(0.05):
                handler.wfile.write(b" ")

    @staticmethod
    def vectors(texts: Sequence[str]) -> tuple[int, bytes]:
        made = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(text.lower().encode()).digest()[:4], "big")
            made.append((3.0 * np.random.default_rng(seed).normal(size=768)).tolist())
        told = {"model": "embed", "embeddings": made, "total_duration": 1, "load_duration": 1, "prompt_eval_count": 4}
        return 200, json.dumps(told).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Ollama]:
    opened = Ollama()
    yield opened
    opened.close()


def settings(server: Ollama, model: str = "embed", seconds: int = 5) -> EmbeddingSettings:
    return EmbeddingSettings(backend="ollama", model=model, base_url=server.url, threads=1, reply_timeout_s=seconds)


@pytest.fixture(scope="module", params=["embedded", "ollama"])
def embedder(request: pytest.FixtureRequest, server: Ollama) -> TextEmbedder:
    embedded = EmbeddingSettings(backend="embedded", threads=1)
    return open_embedder(embedded if request.param == "embedded" else settings(server))


def test_vectors_have_length_one_and_the_width_promised(embedder: TextEmbedder) -> None:
    vectors = embedder.embed(["Acme rises", "", "word " * 1000, "\ud800 lone surrogate"])
    assert vectors.shape == (4, embedder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_a_text_has_the_same_vector_in_any_company_and_order(embedder: TextEmbedder) -> None:
    texts = [f"Acme note {number}" for number in range(130)]
    vectors = embedder.embed(texts)
    assert vectors[129].tobytes() == embedder.embed([texts[129]])[0].tobytes()
    assert vectors[0].tobytes() != vectors[1].tobytes()


def test_the_model_is_named_with_a_digest_of_its_weights(embedder: TextEmbedder) -> None:
    name, _, digest = embedder.model.partition("@")
    assert name
    assert len(digest) == 12


def test_vectors_are_kept_with_their_model_and_width_and_read_again(embedder: TextEmbedder, pool: Pool) -> None:
    store = NewsStore(pool, "m")
    made = store.vectors_for(["Acme rises", "Acme falls"], embedder)
    with pool.connection() as connection:
        rows = connection.execute("SELECT DISTINCT model, dimensions FROM embeddings").fetchall()
    assert rows == [(embedder.model, embedder.dimensions)]
    assert store.vectors_for(["Acme falls"], embedder)[0].tobytes() == made[1].tobytes()


def test_ollama_is_asked_in_batches_and_named_by_what_it_lists(server: Ollama) -> None:
    opened = OllamaEmbedder(settings(server))
    assert opened.model == "embed@0a109f422b47"
    server.asked.clear()
    opened.embed([f"note {number}" for number in range(130)])
    assert [len(asked["input"]) for asked in server.asked if isinstance(asked["input"], list)] == [64, 64, 2]
    assert {asked["model"] for asked in server.asked} == {"embed"}


def test_an_embedder_that_nobody_holds_has_closed_its_connections(server: Ollama) -> None:
    opened = OllamaEmbedder(settings(server))
    client = opened._client
    del opened
    with pytest.raises(RuntimeError, match="closed"):
        client.list()


BAD = {
    "an error": (500, b'{"error": "model runner has unexpectedly stopped"}'),
    "no JSON": (200, b"<html>"),
    "too few": (200, b'{"model": "embed", "embeddings": []}'),
    "zeros": (200, json.dumps({"model": "embed", "embeddings": [[0.0] * 768]}).encode()),
    "another width": (200, json.dumps({"model": "embed", "embeddings": [[1.0] * 4]}).encode()),
    "endless": (200, b'{"model": "embed", "embeddings": [[' + b" " * 17_000_000 + b"]]}"),
    "nested": (200, b"[" * 100_000),
    "a long complaint": (500, json.dumps({"error": "\u001b[2J" + "no " * 1_000_000}).encode()),
    "ragged": (200, b'{"model": "embed", "embeddings": [[1.0, 2.0], [1.0]]}'),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_vector_is_refused_with_one_reason(server: Ollama, name: str) -> None:
    opened = OllamaEmbedder(settings(server))
    server.answer = lambda _: BAD[name]
    try:
        with pytest.raises(DataMissing, match="embed") as caught:
            opened.embed(["Acme"])
        assert len(str(caught.value)) < 300
        assert str(caught.value).isprintable()
    finally:
        server.answer = server.vectors


def test_a_server_that_drips_its_answer_is_given_up_after_the_time_for_a_reply(server: Ollama) -> None:
    opened = OllamaEmbedder(settings(server, seconds=1))
    server.drip = threading.Event()
    try:
        begun = time.monotonic()
        with pytest.raises(DataMissing, match="deadline"):
            opened.embed(["Acme"])
        assert time.monotonic() - begun < 4.0
    finally:
        server.drip.set()
        server.drip = None


def test_a_server_or_a_model_that_is_not_there_is_told_at_the_start(server: Ollama) -> None:
    with pytest.raises(SetupError, match="ollama pull other"):
        open_embedder(settings(server, model="other"))
    gone = Ollama()
    gone.close()
    with pytest.raises(SetupError, match="does not answer"):
        open_embedder(settings(gone))


def test_ollama_without_a_name_or_an_address_is_a_wrong_setting() -> None:
    with pytest.raises(ValueError, match="`model` and `base_url`"):
        EmbeddingSettings(backend="ollama", threads=1)
