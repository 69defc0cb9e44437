"""What the doctor notes of a configuration before a desk is started."""

import os
import sys
from pathlib import Path

import pytest

from tenthman.config import load_config, with_sections
from tenthman.domain.order import TradingState
from tenthman.scheduler.clock import wall_now
from tenthman.scheduler.desk.kill_switch import pull, switch_path
from tenthman.scheduler.doctor import LASTING_SESSIONS, loaded, notes


def test_a_horizon_that_outlasts_its_stops_and_a_pulled_switch_are_noted(tmp_path: Path) -> None:
    config = load_config(None, {"TENTHMAN_HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    rules = config.risk_rules

    def lasting(sessions: int) -> list[str]:
        stops = rules.stops.model_copy(update={"horizon_sessions": sessions})
        return list(notes(with_sections(config, risk_rules=rules.model_copy(update={"stops": stops}))))

    assert lasting(LASTING_SESSIONS) == []
    (found,) = lasting(LASTING_SESSIONS + 1)
    assert "90 days" in found
    pull(switch_path(config), TradingState.HALTED, "a test", "person: tester", wall_now())
    (found,) = lasting(LASTING_SESSIONS)
    assert str(tmp_path / "HALT") in found


def test_a_library_that_the_system_lacks_is_named_with_who_needs_it() -> None:
    with pytest.raises(OSError, match=r"the model needs libnothing\.so\.9, which cannot be loaded"):
        loaded("libnothing.so.9", "the model")
    assert loaded("libc.so.6" if sys.platform == "linux" else "libSystem.dylib", "the model").endswith("model needs")
