"""A masked case names nobody and no day, and what is said of it comes back with the names that it has."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tenthman_red_team import Attack, attacked, attacks

from tenthman.agents.analyst import ANALYST
from tenthman.agents.base import case_text, render, template_hash, templates
from tenthman.agents.committee import Standing, review
from tenthman.agents.exam import prompts_hash
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.masking import masked, unmasked
from tenthman.config import load_config
from tenthman.domain.opinion import Case, Prompt, Reply, ReplyState

AGENTS = load_config(Path(__file__).parents[3] / "config", {}).agents.model_copy(update={"mask": False})
MASKING = AGENTS.model_copy(update={"mask": True})
CASE = exam_cases()[0].case


def _case(text: str, ticker: str = "HLDN", name: str = "Halden Corp") -> Case:
    return replace(CASE, ticker=ticker, name=name, passages=(replace(CASE.passages[0], text=text),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Halden lifts forecast, HLDN up", "Company-A lifts forecast, TKR-A up"),
        ("HALDEN CORP and Halden Corp are one", "Company-A and Company-A are one"),
        ("Haldens plant, a halden, XHLDN", "Haldens plant, a halden, XHLDN"),
        ("Halden's chief leaves on 3 March 2020", "Company-A's chief leaves on Date-A"),
        ("Results on March 3, 2020, again on 2020-03-03", "Results on Date-A, again on Date-B"),
        ("Best year since 2009; 2009 was worse than 2001", "Best year since Date-A; Date-A was worse than Date-B"),
        ("Q3 2019 beats Q2 2019 and FY20", "Date-A beats Date-B and Date-C"),
        ("pays $2000 for 1,999 shares, 20% more", "pays $2000 for 1,999 shares, 20% more"),
        ("Rival $ABCD and (NYSE: XYZ) fall, $ABCD most", "Rival $TKR-B and (NYSE: TKR-C) fall, $TKR-B most"),
        ("Hal\u200bden \u202eHLDN", "Company-A TKR-A"),
        ("Ｈａｌｄｅｎ may rise in May", "Company-A may rise in May"),
    ],
)
def test_names_tickers_and_dates_become_tokens(text: str, expected: str) -> None:
    put = masked(_case(text))
    assert put.case.passages[0].text == expected
    assert (put.case.ticker, put.case.name) == ("TKR-A", "Company-A")


@pytest.mark.parametrize(
    ("name", "ticker", "text", "expected"),
    [
        ("The Home Depot, Inc.", "HD", "Home Depot up, Home sales down", "Company-A up, Home sales down"),
        ("JPMorgan Chase & Co.", "JPM", "JPMorgan hires; JPM rises", "Company-A hires; TKR-A rises"),
        ("AT&T Inc.", "T", "AT&T cuts T shirts, $T falls", "Company-A cuts T shirts, $TKR-A falls"),
        ("Alphabet Inc. Class A", "GOOGL", "Alphabet splits", "Company-A splits"),
        ("General Motors Company", "GM", "General strike hits General Motors", "General strike hits Company-A"),
        ("Amazon.com Inc.", "AMZN", "Amazon.com or Amazon", "Company-A or Company-A"),
        ("The Walt Disney Company", "DIS", "Disney and Walt Disney", "Company-A and Company-A"),
        ("QUALCOMM Incorporated", "QCOM", "Qualcomm sues, QUALCOMM says", "Company-A sues, Company-A says"),
        ("Johnson & Johnson", "JNJ", "J&J vaccine, Johnson & Johnson", "Company-A vaccine, Company-A"),
        (
            "Capital One Financial Corporation",
            "COF",
            "Capital One hacked, Capital fled",
            "Company-A hacked, Capital fled",
        ),
        ("Target Corporation", "TGT", "Target misses its target", "Company-A misses its target"),
        ("", "HLDN", "Halden or HLDN", "Halden or TKR-A"),
    ],
)
def test_a_company_is_known_by_the_forms_of_its_name(name: str, ticker: str, text: str, expected: str) -> None:
    assert masked(_case(text, ticker, name)).case.passages[0].text == expected


def test_nothing_of_the_company_is_left_in_a_prompt_of_a_fixed_case() -> None:
    for item in exam_cases():
        text = case_text(masked(item.case).case)
        assert "halden" not in text.lower()
        assert "HLDN" not in text


def test_what_a_model_writes_of_tokens_is_mapped_back() -> None:
    put = masked(_case("Halden falls after 3 March 2020, $ABCD too"))
    told = (
        "Company-A and Company A and COMPANY-A fell on Date-A with TKR-B, Company-AB had the company a date a day off"
    )
    assert put.back(told) == (
        "Halden Corp and Halden Corp and Halden Corp fell on 3 March 2020 with ABCD, "
        "Company-AB had the company a date a day off"
    )
    assert unmasked(CASE).back(told) == told


def test_a_masked_case_is_masked_the_same_every_time_and_masking_it_again_finds_nothing() -> None:
    assert masked(CASE) == masked(CASE)
    again = masked(masked(CASE).case).case
    assert [passage.text for passage in again.passages] == [passage.text for passage in masked(CASE).case.passages]


def test_a_company_that_only_differs_in_names_and_days_is_the_same_case_to_a_model() -> None:
    later = timedelta(days=700)
    other = replace(
        CASE,
        ticker="XOME",
        name="Xome Inc",
        as_of=CASE.as_of + later,
        passages=tuple(
            replace(passage, text=passage.text.replace("Halden", "Xome"), known_at=passage.known_at + later)
            for passage in CASE.passages
        ),
    )
    assert case_text(masked(other).case) == case_text(masked(CASE).case)
    assert case_text(other) != case_text(CASE)


def _asked(*, mask: bool, seen: list[Prompt]) -> str:
    """The analyst's words where a model repeats the name and the first headline that it was shown."""

    def ask(prompts: tuple[Prompt, ...]) -> tuple[Reply, ...]:
        seen.extend(prompts)
        return tuple(_reply(prompt) for prompt in prompts)

    standing = Standing(model="m", digest="d", binding=False, prose=True)
    agents = MASKING if mask else AGENTS
    return review(CASE, ask, agents, standing, 0.0, (ANALYST,)).critiques[0].detail


def _reply(prompt: Prompt) -> Reply:
    ticker = prompt.shared.partition("<case>\nbuy ")[2].split()[0]
    headline = prompt.shared.partition('n1 "')[2].partition('"')[0]
    answer = {"reasons": ["good_news"], "cited": ["n1"], "confidence_pct": 60, "stance": "approve"}
    return Reply(
        prompt_hash=prompt.hash,
        state=ReplyState.ANSWERED,
        text=json.dumps({"rationale": f"{ticker}: {headline}", **answer}),
        model="m",
        model_digest="d",
        prompt_tokens=0,
        reply_tokens=0,
        latency_ms=0,
    )


def test_masked_prompts_have_hashes_of_their_own_and_their_words_are_shown_with_the_names() -> None:
    plain: list[Prompt] = []
    hidden: list[Prompt] = []
    assert _asked(mask=False, seen=plain) == "HLDN: Halden lifts full-year profit forecast as orders grow"
    assert _asked(mask=True, seen=hidden) == "HLDN: Halden Corp lifts full-year profit forecast as orders grow"
    assert not {prompt.hash for prompt in plain} & {prompt.hash for prompt in hidden}
    assert {prompt.template_hash for prompt in hidden} == {template_hash(mask=True)} != {template_hash(mask=False)}
    assert all("HLDN" not in prompt.shared and "Halden" not in prompt.shared for prompt in hidden)
    assert plain[0] == render(CASE, ANALYST, AGENTS.roles.analyst, prose=True)


def test_without_masking_prompts_and_their_version_are_as_they_were() -> None:
    assert template_hash(mask=False) == templates().hash
    assert unmasked(CASE).case is CASE


def test_a_masked_examination_is_another_examination() -> None:
    assert prompts_hash(AGENTS, prose=False) != prompts_hash(MASKING, prose=False)


@pytest.mark.parametrize("attack", attacks(), ids=[attack.name for attack in attacks()])
def test_a_hostile_headline_stays_in_its_line_when_masked(attack: Attack) -> None:
    put = masked(attacked(CASE, attack.text)).case
    lines = case_text(put).splitlines()
    assert len(lines) == len(case_text(CASE).splitlines())
    (quoted,) = [line for line in lines if line.startswith('n1 "')]
    assert quoted.count('"') == 2
    assert len(quoted) < 160
