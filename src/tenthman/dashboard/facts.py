"""A report's facts as JSON: its fields, and what its properties derive from them."""

from tenthman.domain.canonical import plain


def facts(report: object) -> dict[str, object]:
    """The fields of the dataclass `report` in JSON types."""
    found = _bare(plain(report))
    assert isinstance(found, dict)
    return found


def derived(report: object) -> dict[str, object]:
    """The properties of `report` in JSON types, in the order in which they are written down."""
    names = (name for name, found in vars(type(report)).items() if isinstance(found, property))
    return {name: plain(getattr(report, name)) for name in names}


def _bare(value: object) -> object:
    """Without the names of our own types, which a reader has no use for; a market keeps its kind."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _bare(item) for name, item in value.items() if name != "kind"}
    return {"kind": value["kind"], **kept} if "content_hash" in kept else kept
