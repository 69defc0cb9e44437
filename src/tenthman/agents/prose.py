"""What may be shown of a model's own words: one clean line that holds no number of its own and nothing of our prompt.

Everything else that a model writes is a code or an id from a list. Words that were translated or encoded are not
recognised: the prompts are no secret, and no secret is in them.
"""

import re
import unicodedata

from tenthman.agents.text import clean

RATIONALE_CHARACTERS = 240
NUMBERS_CHARACTERS = 40
FAILURE_CHARACTERS = 400
PRINTED_CHARACTERS = 2_000

RECITED_LETTERS = 24
"""So many letters in a row that are also the prompt's, about five words, count as reciting it."""

NO_ID = "no id"

_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])[-+]?\d+(?:\.\d+)?(?![A-Za-z0-9_])")
_ID = re.compile(r"[A-Za-z]{1,2}[0-9]{1,4}")
_NO_LETTER = re.compile(r"[^a-z]+")


def shown_rationale(text: str, *, case: str, own: str) -> str:
    """`text` as it is shown beside a choice, or in its place why it is left out.

    `case` is what the model was shown with numbers, `own` what the desk itself said to it.
    """
    line = clean(text, RATIONALE_CHARACTERS)
    if recites(line, own):
        return "rationale left out, it recites the prompt"
    invented = invented_numbers(line, case)
    return f"rationale left out, not in the case: {', '.join(invented)[:NUMBERS_CHARACTERS]}" if invented else line


def shown_failure(text: str, *, own: str) -> str:
    """Why no answer came, as it is shown; a server's complaint that recites the question is left out."""
    line = clean(text, FAILURE_CHARACTERS)
    return "the cause is left out, it recites the prompt" if recites(line, own) else line


def shown_id(text: str) -> str:
    """An id that no case has, for the record; NO_ID for what has not even the shape of one."""
    line = clean(text, NUMBERS_CHARACTERS)
    return line if _ID.fullmatch(line) else NO_ID


def printable(text: str) -> str:
    """A raw reply for a terminal: what steers one or cannot be seen is replaced, and a long one is cut and says so."""
    seen = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:PRINTED_CHARACTERS]
    )
    return seen if len(text) <= PRINTED_CHARACTERS else f"{seen}... ({len(text)} characters)"


def recites(text: str, own: str) -> bool:
    """Whether `text` has RECITED_LETTERS letters in a row that `own` has, whatever stands between the letters."""
    said, ours = _letters(text), _letters(own)
    return any(said[at : at + RECITED_LETTERS] in ours for at in range(len(said) - RECITED_LETTERS + 1))


def invented_numbers(text: str, case: str) -> tuple[str, ...]:
    """Numbers in `text` that `case` shows neither as they are nor as a share in per cent, to the digits given."""
    shown = [abs(float(number)) for number in _NUMBER.findall(case)]
    values = [*shown, *(100.0 * value for value in shown)]
    return tuple(number for number in _NUMBER.findall(text) if not any(_quotes(number, value) for value in values))


def _quotes(number: str, value: float) -> bool:
    decimals = len(number.partition(".")[2])
    return abs(abs(float(number)) - value) <= 0.5 * 10.0**-decimals + 1e-9


def _letters(text: str) -> str:
    """`text` without accents and whatever else is no Latin letter."""
    return _NO_LETTER.sub("", unicodedata.normalize("NFKD", text).lower())
