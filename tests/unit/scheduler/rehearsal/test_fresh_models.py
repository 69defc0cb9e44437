"""A period in which a model would expire is refused: a live desk would enter nothing from then on."""

import pytest
from tenthman_markets import small_market, weekdays
from tenthman_training import signal_settings

from tenthman.domain.errors import ConfigError
from tenthman.domain.market import Period
from tenthman.scheduler.rehearsal.period import require_fresh_models

MARKET = small_market({"A": [(10.0, 11.0, 9.0, 10.0)] * 30})
PERIOD = Period(first=weekdays(30)[5], last=weekdays(30)[29])


@pytest.mark.parametrize(("every", "expires"), [(None, 25), (10, 10), (25, 25), (40, 25)])
def test_a_model_that_lasts_until_it_is_replaced_or_done_with_is_let_through_and_one_that_lasts_a_session_less_is_not(
    every: int | None, expires: int
) -> None:
    def is_let_through(sessions: int) -> bool:
        try:
            require_fresh_models(
                MARKET, PERIOD, signal_settings(retrain_sessions=every, expires_after_sessions=sessions)
            )
        except ConfigError:
            return False
        return True

    assert [is_let_through(sessions) for sessions in (expires - 1, expires, expires + 1)] == [False, True, True]


@pytest.mark.parametrize(("every", "expires", "said"), [(None, 24, "null"), (11, 10, "11"), (40, 24, "40")])
def test_one_that_would_expire_first_is_refused_with_the_way_out(every: int | None, expires: int, said: str) -> None:
    settings = signal_settings(retrain_sessions=every, expires_after_sessions=expires)
    with pytest.raises(ConfigError, match=f"at most {expires} .* period of 25 sessions, was {said}"):
        require_fresh_models(MARKET, PERIOD, settings)
