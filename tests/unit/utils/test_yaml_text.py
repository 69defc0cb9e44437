"""Whatever is wrong with a file of YAML is said in one line."""

import pytest

from tenthman.utils.yaml_text import parse_yaml


def test_what_a_person_wrote_is_read() -> None:
    assert parse_yaml("a: [1, 2.5, x]\nb: {c: null}\n") == {"a": [1, 2.5, "x"], "b": {"c": None}}
    assert parse_yaml("a: &a {b: 1, c: 2}\nd: {<<: *a, c: 3}\n") == {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("grid: [1", "is not valid YAML: while parsing a flow sequence .*line 1, column 7"),
        ("a: 2016-13-45", "is not valid YAML: month must be in 1..12"),
        ("a: 0b_", "is not valid YAML: invalid literal for int"),
        ("a: {[1]: 2}", "is not valid YAML: .*unhashable"),
        ("a: 1\nb: 2\na: 3", "is not valid YAML: 'a' stands twice .*line 3, column 1"),
        ("a: {b: 1, c: {d: 1, d: 2}}", "'d' stands twice"),
        ('a: "\\ud800"', "is not valid YAML: .*surrogates not allowed"),
        ("a: &a [*a]", "must hold at most 100,000 values and keys, aliases written out"),
        (
            "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
            "at most 100,000",
        ),
        (
            "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 330)) + "z: &z [*z]",
            "at most 100,000",
        ),
        ("[" * 3000, "is nested too deep"),
    ],
)
def test_what_is_no_yaml_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)
