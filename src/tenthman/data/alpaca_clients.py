"""alpaca-py's clients of market data, with what they lack: time-outs, patience with limits, and an end of pages."""

from typing import Any

import requests
from alpaca.common.rest import RESTClient
from alpaca.common.types import HTTPResult
from alpaca.data.historical import NewsClient, StockHistoricalDataClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient

from tenthman.config import BrokerSettings
from tenthman.utils.patience import PatientAdapter


class Unreadable(ValueError):
    """A field is missing or is not what it must be."""


class _Advancing(RESTClient):
    """alpaca-py asks for pages until there is no next one, for ever where pages lead back to one that was asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pages: set[str] = set()

    def get(self, path: str, data: dict[str, Any] | str | None = None, **kwargs: Any) -> HTTPResult:
        """As RESTClient.get; Unreadable where the next page is one that was asked for already."""
        asked = data.get("page_token") if isinstance(data, dict) else None
        if asked is None:
            self._pages.clear()
        else:
            self._pages.add(str(asked))
        answer = super().get(path, data, **kwargs)
        following = answer.get("next_page_token") if isinstance(answer, dict) else None
        if following is not None and str(following) in self._pages:
            raise Unreadable(f"the page after {str(asked)[:80]!r} must be another, was {str(following)[:80]!r} again")
        return answer


class TimedBars(_Advancing, StockHistoricalDataClient):
    """alpaca-py sets no time-out and offers no public way to its session; a subclass may reach it."""

    def __init__(self, url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        super().__init__(api_key=key, secret_key=secret, raw_data=True, url_override=url)
        _make_patient(self, self._session, settings)


class TimedNews(_Advancing, NewsClient):
    """As `TimedBars`."""

    def __init__(self, url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        super().__init__(api_key=key, secret_key=secret, raw_data=True, url_override=url)
        _make_patient(self, self._session, settings)


class TimedActions(_Advancing, CorporateActionsClient):
    """As `TimedBars`."""

    def __init__(self, url: str | None, key: str, secret: str, settings: BrokerSettings) -> None:
        super().__init__(api_key=key, secret_key=secret, raw_data=True, url_override=url)
        _make_patient(self, self._session, settings)


def _make_patient(client: RESTClient, session: requests.Session, settings: BrokerSettings) -> None:
    """Time-outs, and a 429 waited out by its header; alpaca-py itself waits three seconds whatever the header says."""
    limits = (settings.connect_timeout_s, settings.read_timeout_s, settings.answer_timeout_s)
    for scheme in ("http://", "https://"):
        session.mount(scheme, PatientAdapter(*limits))
    client._retry_codes = [requests.codes.gateway_timeout]  # noqa: SLF001 alpaca-py reads it from the constructor of some clients only
