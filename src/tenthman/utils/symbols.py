"""Share classes are spelled BRK-B inside the house, BRK.B on Alpaca's wire, BRK/B at others; only this place knows."""


def to_wire(ticker: str) -> str:
    """The house's ticker as Alpaca spells it."""
    return ticker.replace("-", ".")


def from_wire(symbol: str) -> str:
    """Alpaca's symbol as the house spells it."""
    return symbol.replace(".", "-")


def from_any(symbol: str) -> str:
    """A symbol of a person or a file as the house spells it, whoever's spelling of a share class it has."""
    return from_wire(symbol).replace("/", "-")
