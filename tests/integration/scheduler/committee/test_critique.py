"""A debate over one name, held without a run, and told in sentences with its sources."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tenthman_rehearsal import small_config, small_practice_market
from tenthman_wire import listening

from tenthman.config import Config, with_sections
from tenthman.db.audit import verify
from tenthman.db.pool import Pool
from tenthman.domain.errors import ConfigError, DataMissing
from tenthman.domain.opinion import Critique, ReplyState, Role, Stance, Veto
from tenthman.scheduler.committee.critique import debate_lines, hold_debate, keep_debate, opinion_lines
from tenthman.scheduler.committee.critiques import Search, count_critiques, find_critiques
from tenthman.scheduler.gathering.known import KnownMarket, known_market
from tenthman.scheduler.outcomes.scorecard import scorecard
from tenthman.scheduler.outcomes.story import latest_run
from tenthman.scheduler.storage import open_storage

AT = datetime(2020, 2, 19, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def config(module_home: Path) -> Config:
    """A desk on which only the rules critic speaks."""
    config = small_config(module_home)
    roles = config.agents.roles
    silent = {name: getattr(roles, name).model_copy(update={"enabled": False}) for name in type(roles).model_fields}
    return with_sections(config, agents=config.agents.model_copy(update={"roles": roles.model_copy(update=silent)}))


def known(pool: Pool) -> KnownMarket:
    return known_market(pool, small_practice_market(), AT)


def test_a_debate_is_told_with_the_entry_the_figures_and_why(config: Config) -> None:
    with open_storage(config) as pool:
        market = known(pool)
        ticker = market.history.serve(AT).members()[0].ticker
        debate = hold_debate(config, pool, market, AT, ticker)
        again = hold_debate(config, pool, market, AT, ticker)
        with pool.connection() as connection:
            recorded = connection.execute("SELECT count(*) FROM decisions").fetchone()
        with pytest.raises(ConfigError, match="must be a member"):
            hold_debate(config, pool, market, AT, "NOSUCH")
        with pytest.raises(DataMissing, match="first session"):
            hold_debate(config, pool, market, AT.replace(year=1995), ticker)
    assert again == debate
    assert recorded == (0,)
    lines = list(debate_lines(debate))
    text = "\n".join(lines)
    assert lines[0].startswith(f"{ticker} ")
    assert f"buy {debate.order.quantity} at up to {debate.order.limit_price}" in text
    assert any(line.startswith("rules (") for line in lines)
    assert any(line.startswith("verdict: ") for line in lines)
    figure = next(item for item in debate.case.figures if item.name == "rsi_14")
    assert f"{figure.id} rsi_14" in text
    cited = Critique(
        role=Role.BEAR,
        model="m",
        binding=False,
        state=ReplyState.ANSWERED,
        stance=Stance.VETO,
        size_fraction=0.0,
        reasons=("overbought",),
        cited=(figure.id,),
        confidence_pct=70,
        invalid_citations=(),
        prompt_hash=None,
        latency_ms=1,
    )
    assert list(opinion_lines(cited, debate.case)) == [
        "bear (m, advisory) would veto it, 70 % sure:",
        "  The price has risen so far so quickly that a pause is likely.",
        f"  {figure.id}: rsi_14 {figure.value:.3g}",
    ]


def test_a_debate_is_kept_and_found_and_counts_for_nobody_s_worth(config: Config) -> None:
    with open_storage(config) as pool:
        market = known(pool)
        ticker = market.history.serve(AT).members()[0].ticker
        held = hold_debate(config, pool, market, AT, ticker)
        kept = keep_debate(config, pool, market, held, "a person", AT + timedelta(days=900))
        (found,) = find_critiques(pool, Search(ticker=ticker, run=kept.run_id, asked=True))
        assert count_critiques(pool, Search(run=kept.run_id, asked=False)) == 0
        assert verify(pool) > 0
        with pytest.raises(ConfigError, match="put an entry to critics"):
            scorecard(config, pool, None)
        with pytest.raises(ConfigError, match="put an entry to critics"):
            scorecard(config, pool, kept.run_id)
        with pytest.raises(ConfigError):
            latest_run(pool)
        told = latest_run(pool, kept.run_id)
        with pool.connection() as connection:
            sent = connection.execute("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM shadow_positions)")
            assert sent.fetchone() == (0, 0)
    assert replace(kept, run_id="") == held
    (said,) = held.review.critiques
    assert (found.role, found.stance, found.verdict) == ("rules", said.stance.value, told_as(held.review.verdict))
    assert (found.as_of, found.session, found.asked) == (AT, AT.date(), True)
    assert (told.world, told.status, told.summary["asked_by"]) == ("asked", "finished", "a person")
    assert list(debate_lines(kept))[-1].endswith(f"asked by hand: `tenthman critiques --run {kept.run_id[:8]}`")


def told_as(verdict: object) -> str:
    return type(verdict).__name__.lower()


def let_pass_by_the_rules(config: Config, pool: Pool, market: KnownMarket) -> str:
    """A member whose case is put to a model: what the rules veto is put to none."""
    tickers = [item.ticker for item in market.history.serve(AT).members()]
    return next(
        ticker
        for ticker in tickers
        if not isinstance(hold_debate(config, pool, market, AT, ticker).review.verdict, Veto)
    )


def test_the_model_is_asked_once_and_the_tape_tells_it_again(config: Config) -> None:
    asked: list[str] = []

    def answer(_request: Request) -> JSONResponse:
        asked.append("once")
        return JSONResponse({"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]})

    with (
        listening(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])) as address,
        open_storage(config) as pool,
    ):
        changes = {"backend": "openai", "base_url": address, "parallel": 1}
        language = config.models.language.model_copy(update=changes)
        roles = config.agents.roles
        speaking = roles.model_copy(update={"bear": roles.bear.model_copy(update={"enabled": True})})
        told = with_sections(
            config,
            models=config.models.model_copy(update={"language": language}),
            agents=config.agents.model_copy(update={"roles": speaking}),
        )
        market = known(pool)
        ticker = let_pass_by_the_rules(config, pool, market)
        first = hold_debate(told, pool, market, AT, ticker)
        again = hold_debate(told, pool, market, AT, ticker)
    assert (first.from_tape, again.from_tape, len(asked)) == (False, True, 1)
    assert again.review == first.review
    assert f"bear ({language.model}, advisory) gave no opinion: abstained." in list(debate_lines(again))
