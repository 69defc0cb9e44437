"""Asking a model on a wire of the test's own, without what opens the configured one."""

from tenthman.agents.llm_interface import Seat, asking_by_role
from tenthman.agents.wires import Wire
from tenthman.config import LanguageModelSettings
from tenthman.domain.opinion import Ask


def asking(wire: Wire, settings: LanguageModelSettings) -> Ask:
    """An `ask` that puts every role's question to `wire`, one after the other."""
    return asking_by_role(lambda _role: Seat(wire=wire, settings=settings, weights=""), "d", 1)
