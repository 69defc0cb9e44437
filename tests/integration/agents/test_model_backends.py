"""One battery for the three backends, over real HTTP, with the real embedded model behind each.

Ollama itself is not here: its API is spoken by a shim, so its own behaviour stays untested.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import ollama
import pytest
from tenthman_seats import asking

from tenthman.agents.base import render
from tenthman.agents.committee import ADVISERS, Standing, review
from tenthman.agents.embedded import EmbeddedModelServer
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import LanguageModel, open_language_model
from tenthman.agents.wires import openai_wire
from tenthman.config import LanguageModelSettings, load_config
from tenthman.domain.errors import SetupError
from tenthman.domain.opinion import Enter, Prompt, ReplyState, Role
from tenthman.utils.bounded_http import BoundedTransport

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents
CASE = exam_cases()[0].case
BACKENDS = ("embedded", "openai", "ollama")


def _prompt(max_tokens: int = 80) -> Prompt:
    settings = AGENTS.roles.analyst.model_copy(update={"max_tokens": max_tokens})
    return render(CASE, ADVISERS[0], settings, prose=False)


@pytest.fixture(scope="module", params=BACKENDS)
def model(
    request: pytest.FixtureRequest,
    language: LanguageModelSettings,
    model_server: EmbeddedModelServer,
    shim: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LanguageModel]:
    """A model behind each backend."""
    if request.param == "embedded":
        with httpx.Client(base_url=model_server.base_url, timeout=60, transport=BoundedTransport(60.0)) as client:
            client.headers["Authorization"] = f"Bearer {model_server.api_key}"
            ask = asking(openai_wire(client, language, compact=True), language)
            yield LanguageModel(name=language.model, digest="d", weights="w", ask=ask, parallel=1, prose=False)
        return
    changes = {"backend": request.param, "base_url": shim, "model": "smollm2"}
    home = tmp_path_factory.mktemp("home")
    with open_language_model(language.model_copy(update=changes), home) as opened:
        yield opened


def test_an_answer_comes_back_complete_and_counted(model: LanguageModel) -> None:
    (reply,) = model.ask((_prompt(120),))
    assert reply.state is ReplyState.ANSWERED
    assert reply.prompt_hash == _prompt(120).hash
    assert reply.text.startswith("{")
    assert 300 < reply.prompt_tokens < 700
    assert 20 < reply.reply_tokens < 120
    assert reply.latency_ms > 0
    assert reply.model_digest == model.digest


def test_an_answer_cut_off_is_truncated(model: LanguageModel) -> None:
    (reply,) = model.ask((_prompt(16),))
    assert reply.state is ReplyState.TRUNCATED
    assert reply.reply_tokens == 16


def test_a_prompt_beyond_the_context_is_not_answered(model: LanguageModel) -> None:
    long = Prompt(
        role=Role.ANALYST,
        shared=f"system\n\n<case>\n{'word ' * 4000}\n</case>\n",
        instruction="Answer.",
        schema_json=_prompt().schema_json,
        max_tokens=80,
        template_hash="t",
    )
    (reply,) = model.ask((long,))
    assert reply.state is ReplyState.INVALID
    assert reply.text == ""
    assert "context_tokens" in reply.failure


def test_five_agents_answer_a_case_within_their_schemas(
    language: LanguageModelSettings, model_server: EmbeddedModelServer
) -> None:
    with httpx.Client(base_url=model_server.base_url, timeout=60, transport=BoundedTransport(60.0)) as client:
        client.headers["Authorization"] = f"Bearer {model_server.api_key}"
        ask = asking(openai_wire(client, language, compact=True), language)
        standing = Standing(model="smollm2", digest="d", binding=False)
        answer = review(CASE, ask, AGENTS, standing, 0.0)
    assert {critique.state for critique in answer.critiques} <= {ReplyState.ANSWERED, ReplyState.ABSTAINED}
    assert answer.verdict == Enter(size_fraction=1.0)


def test_ollamas_digest_goes_into_the_models(language: LanguageModelSettings, shim: str, tmp_path: Path) -> None:
    changes = {"backend": "ollama", "base_url": shim, "model": "smollm2"}
    with open_language_model(language.model_copy(update=changes), tmp_path) as first:
        assert first.weights == "6577803aa9a036369e481d648a2baebb381ebc6e897f2bb9a766a2aa7bfbc1cf"
    warmer = language.model_copy(update={**changes, "temperature": 0.5})
    with open_language_model(warmer, tmp_path) as second:
        assert second.weights == first.weights
        assert second.digest != first.digest


def test_a_model_that_ollama_does_not_have_is_named_with_its_remedy(
    language: LanguageModelSettings, shim: str, tmp_path: Path
) -> None:
    changes = {"backend": "ollama", "base_url": shim, "model": "mistral:7b"}
    with (
        pytest.raises(SetupError, match="ollama pull mistral:7b"),
        open_language_model(language.model_copy(update=changes), tmp_path),
    ):
        pass


def test_no_ollama_at_all_is_named_with_its_remedy(language: LanguageModelSettings, tmp_path: Path) -> None:
    changes = {"backend": "ollama", "base_url": "http://127.0.0.1:9", "model": "mistral:7b"}
    with (
        pytest.raises(SetupError, match="ollama serve"),
        open_language_model(language.model_copy(update=changes), tmp_path),
    ):
        pass


def test_the_shim_speaks_as_the_official_client_expects(shim: str) -> None:
    assert [item.model for item in ollama.Client(host=shim).list().models] == ["smollm2:latest"]
