"""What the holder of an account may set about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """What PATCH /v2/account/configurations can change; a cash account has no use for the rest."""

    suspend_trade: bool = False
    fractional_trading: bool = True
    trade_confirm_email: str = "all"
    ptp_no_exception_entry: bool = False
    disable_overnight_trading: bool = True

    def changed(self, changes: Mapping[str, bool | str]) -> "AccountSettings":
        """These settings with `changes` in place; TypeError for a name that is not one of them."""
        return AccountSettings(**{**asdict(self), **changes})
