"""What is wrong with the options of a served exchange is said in one sentence, before anything listens."""

import pytest

from tenthman.cli.app import app
from tenthman.domain.errors import ConfigError


@pytest.mark.parametrize("share", ["0", "-0.1", "1.01", "nan"])
def test_a_share_of_the_volume_that_cannot_be(share: str) -> None:
    with pytest.raises(ConfigError, match=f"`--volume-share` must lie above 0 and at most 1, was {float(share)}"):
        app(["exchange", "serve", "--volume-share", share], standalone_mode=False)


def test_partial_fills_beyond_all() -> None:
    with pytest.raises(ConfigError, match="`--partial-fills` must lie in"):
        app(["exchange", "serve", "--partial-fills", "1.5"], standalone_mode=False)


def test_a_latency_that_is_no_number() -> None:
    with pytest.raises(ConfigError, match="`--latency` must lie in"):
        app(["exchange", "serve", "--latency", "nan"], standalone_mode=False)
