"""Share classes are spelled BRK-B inside the house and BRK.B on Alpaca's wire; this is the one place that knows."""


def to_wire(ticker: str) -> str:
    """The house's ticker as Alpaca spells it."""
    return ticker.replace("-", ".")


def from_wire(symbol: str) -> str:
    """Alpaca's symbol as the house spells it."""
    return symbol.replace(".", "-")
