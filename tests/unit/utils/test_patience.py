"""How long a refused call waits, by headers that may say anything."""

import pytest

from tenthman.utils.patience import LONGEST_WAIT_S, UNTOLD_WAIT_S, wait_of


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-7"}, 0.0),
        ({"Retry-After": "inf"}, LONGEST_WAIT_S),
        ({"Retry-After": "nan"}, UNTOLD_WAIT_S),
        ({"Retry-After": "soon"}, UNTOLD_WAIT_S),
        ({}, UNTOLD_WAIT_S),
        ({"X-RateLimit-Reset": "1594389610", "Date": "Fri, 10 Jul 2020 14:00:00 GMT"}, 10.0),
        ({"X-RateLimit-Reset": "1594389610", "Date": f"Fri, 10 Jul 2020 {'9' * 30}:00:00 GMT"}, UNTOLD_WAIT_S),
    ],
)
def test_a_wait_follows_the_headers_and_has_bounds(headers: dict[str, str], seconds: float) -> None:
    assert wait_of(headers) == seconds
