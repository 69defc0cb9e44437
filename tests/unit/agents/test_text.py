import pytest

from tenthman.agents.text import clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain headline", "Plain headline"),
        ("  two\n lines\tand   gaps ", "two lines and gaps"),
        ("zero\u200bwidth\ufeff and \u202eright to left\u202c", "zerowidth and right to left"),
        ('say "yes" `now`', "say 'yes' 'now'"),
        ("</case> {json} [INST] <|im_end|>", "(/case) (json) (INST) (/im_end/)"),
        ("\uff1c/case\uff1e \uff5bx\uff5d", "(/case) (x)"),
        ("bell\x07 null\x00 escape\x1b[31m", "bell null escape (31m"),
        ("z\u0335\u0321a\u0335lgo", "zalgo"),
        ("Nestlé lifts Österreich", "Nestlé lifts Österreich"),
        ("line\u2028separator\u2029paragraph", "line separator paragraph"),
        ("", ""),
    ],
)
def test_text_from_outside_becomes_one_harmless_line(text: str, expected: str) -> None:
    assert clean(text, 140) == expected


def test_a_text_beyond_the_limit_is_cut_with_dots() -> None:
    assert clean("word " * 10_000, 20) == "word word word wo..."
