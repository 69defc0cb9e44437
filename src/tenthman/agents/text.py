"""Making text from outside harmless: one plain line that cannot close its quotes, pose as markup or hide anything."""

import unicodedata

READ_CHARACTERS = 4_000
"""No more than this of a text is looked at, however long it is."""

_REPLACED = str.maketrans(
    {
        '"': "'",
        "`": "'",
        "\\": "/",
        "|": "/",
        "<": "(",
        "{": "(",
        "[": "(",
        ">": ")",
        "}": ")",
        "]": ")",
        "“": "'",
        "”": "'",
        "‘": "'",
        "’": "'",
        "„": "'",
        "«": "'",
        "»": "'",
        "‹": "'",
        "›": "'",
    }
)


def clean(text: str, limit: int) -> str:
    """`text` as one line of at most `limit` characters (at least 4), for quoting between double quotes.

    Compatibility forms are folded first (a full-width bracket is a bracket), then control, bidirectional, zero-width
    and combining characters go, then quotes, brackets, bars and backslashes become harmless, then white space shrinks.
    """
    folded = unicodedata.normalize("NFKC", text[:READ_CHARACTERS])
    kept = "".join(_harmless(character) for character in folded)
    line = " ".join(kept.translate(_REPLACED).split())
    return line if len(line) <= limit else f"{line[: limit - 3].rstrip()}..."


def _harmless(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    return "" if kind.startswith(("C", "M")) else character
