"""Pages of answers and the tokens that lead from one to the next. Pure."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from tenthman.exchange.alpaca_requests import invalid

ItemT = TypeVar("ItemT")


def page_after(
    rows: Sequence[ItemT], token: str, limit: int, identity: Callable[[ItemT], str]
) -> tuple[Sequence[ItemT], str | None]:
    """At most `limit` rows after the one that `token` names, and the next token; Refusal 422 for a strange one."""
    begin = 0
    if token:
        last = open_token(token)
        place = next((place for place, item in enumerate(rows) if identity(item) == last), None)
        if place is None:
            raise invalid("page_token is not one of this query")
        begin = place + 1
    page = rows[begin : begin + limit]
    return page, seal_token(identity(page[-1])) if begin + limit < len(rows) else None


def seal_token(text: str) -> str:
    """A token that says where a page ended."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def open_token(token: str) -> str:
    """What `token` says; Refusal 422 for one that was never sealed here."""
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (ValueError, binascii.Error):
        raise invalid("page_token is not one of this query") from None
