"""Text from outside, made safe to store and to show: no markup, no unseen characters, a bounded length."""

import html
import re
import unicodedata

# An element that never ends swallows the rest: it hides nothing, and the search stays linear.
_HIDDEN = re.compile(r"(?is)<(script|style)\b[^<>]{0,1000}>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)")
_TAG = re.compile(r"(?s)</?[a-zA-Z!?][^<>]{0,5000}>")
_SPACE = re.compile(r"\s+")

# Cf: direction marks, zero-width joiners, soft hyphens; Cc: controls; Cs: lone surrogates; Co, Cn: no character at all.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean(text: str, cap: int) -> str:
    """`text` on one line of at most `cap` characters, without characters that cannot be seen.

    A text that is cut ends in an ellipsis.
    """
    bounded = text[: 20 * cap]
    seen = "".join(
        " " if char.isspace() else char
        for char in bounded
        if char.isspace() or unicodedata.category(char) not in _UNSEEN
    )
    line = _SPACE.sub(" ", seen).strip()
    return line if len(line) <= cap else line[: cap - 1].rstrip() + "\u2026"


def strip_markup(text: str, cap: int) -> str:
    """`text` without tags, scripts and comments, entities resolved (twice: feeds escape twice), then `clean`."""
    bounded = text[: 50 * cap]
    for _ in range(2):
        bounded = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", bounded)))
    return clean(_TAG.sub(" ", _HIDDEN.sub(" ", bounded)), cap)
