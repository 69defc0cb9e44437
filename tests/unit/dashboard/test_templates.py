"""What a page makes of text from outside and of figures that are not there."""

from dataclasses import replace

from tenthman.dashboard.page import open_environment
from tenthman.dashboard.scorecard_facts import AgreementFacts, CardFacts, WorthFacts

CARD = CardFacts(
    critic="bull",
    model="m<script>\u202e",
    digest="-",
    prompts="-",
    binding=False,
    asked=3,
    answered=0,
    states={"timed_out": 3},
    stances={},
    vetoed=None,
    measured=0,
    never_filled=0,
    still_open=0,
    value_bp=None,
    low=None,
    high=None,
    equity_bp=None,
    usd=0.0,
    judged=0,
    brier=None,
    lost=None,
    brier_of_share=None,
    reliability=(),
    seconds_median=None,
    seconds_p95=None,
    tokens=0,
)
WORTH = WorthFacts(entries=3, level=0.9, cards=(CARD,), agreements=())


def shown(worth: WorthFacts) -> str:
    return open_environment().get_template("scorecard.html").render(worth=worth)


def test_a_critic_without_a_figure_has_dashes_and_no_table_of_agreement() -> None:
    page = shown(WORTH)
    assert page.count(">-<") == 11, "nine figures, and the prompts in two tables"
    assert "timed out 3" in page
    assert "Two critics" not in page
    assert "nan" not in page.lower()
    assert "None" not in page


def test_every_figure_has_its_own_label_for_pages_too_narrow_for_a_head() -> None:
    pair = AgreementFacts(first="bull", second="bear", entries=2, share=0.5, kappa=0.1)
    page = shown(replace(WORTH, agreements=(pair,)))
    rows = [row for row in page.split("<tr>")[1:] if "<th" not in row]
    assert [row.count("<td") - row.count("data-label=") for row in rows] == [1] * len(rows), "all but the name"
    assert '<div class="wide">' not in page, "nothing scrolls sideways"


def test_the_name_of_a_model_can_neither_open_an_element_nor_turn_the_line_around() -> None:
    page = shown(WORTH)
    assert "m&lt;script&gt;\ufffd" in page
    assert "\u202e" not in page


def test_what_rounds_to_nothing_has_no_minus() -> None:
    small = replace(CARD, value_bp=-0.2, low=-0.4, high=0.3, equity_bp=-0.01)
    pair = AgreementFacts(first="bull", second="bear", entries=2, share=0.5, kappa=-0.001)
    page = shown(replace(WORTH, cards=(small,), agreements=(pair,)))
    assert "-0<" not in page
    assert ">+0 to +0<" in page
    assert "-0.0" not in page
