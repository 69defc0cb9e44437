"""Whatever is wrong with a file of YAML is said in one line."""

import pytest

from tenthman.utils.yaml_text import parse_yaml


def test_what_a_person_wrote_is_read() -> None:
    assert parse_yaml("a: [1, 2.5, x]\nb: {c: null}\n") == {"a": [1, 2.5, "x"], "b": {"c": None}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("grid: [1", "is not valid YAML: while parsing a flow sequence .*line 1, column 7"),
        ("a: 2016-13-45", "is not valid YAML: month must be in 1..12"),
        ("a: 0b_", "is not valid YAML: invalid literal for int"),
        ("a: {[1]: 2}", "is not valid YAML: .*unhashable"),
        ("[" * 3000, "is nested too deep"),
    ],
)
def test_what_is_no_yaml_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)
