"""Where news comes from: the `news` part of settings.yaml."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from tenthman.config.fields import Section

_MAILBOX = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[A-Za-z]{2,}")
_NOBODY = re.compile(r"(?:no|donot)reply@")
_SEC = re.compile(r"(?:.*\.)?sec\.gov\.?")


class FeedSettings(Section):
    """A feed; written as a bare address, it has these defaults. `zone`: of dates that name none."""

    address: str
    silent_after_hours: Annotated[float, Field(gt=0.0, le=8760.0)] | None = 72.0
    zone: str = "UTC"

    @field_validator("address")
    @classmethod
    def _https_only(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError(f"a feed must start with https://, was {value!r}")
        parts = urlsplit(value)
        if not parts.hostname or "@" in parts.netloc or parts.port not in (None, 443) or not value.isprintable():
            raise ValueError("a feed must have a host, and neither user nor another port than 443")
        return value

    @property
    def is_of_sec(self) -> bool:
        """Whether the Securities and Exchange Commission serves it, who refuses the anonymous."""
        return _SEC.fullmatch(urlsplit(self.address).hostname or "") is not None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"must be a time zone such as America/New_York, was {value!r}")
        return value


class NewsSettings(Section):
    archive_lag_minutes: Annotated[int, Field(ge=0, le=1440)]
    lookback_days: Annotated[int, Field(ge=1, le=365)]
    sentiment_half_life_days: Annotated[float, Field(gt=0.0, le=60.0)]
    sentiment: Annotated[str, Field(pattern=r"^(lexicon|[0-9a-f]{12})$")] = "lexicon"
    feeds: tuple[FeedSettings, ...]
    contact: str | None

    @model_validator(mode="after")
    def _publishers_know_whom_to_write_to(self) -> Self:
        if self.feeds and not _MAILBOX.fullmatch(self.contact or ""):
            raise ValueError(f"`contact` must be an e-mail address (ASCII) if `feeds` names any, was {self.contact!r}")
        named = [feed.address for feed in self.feeds]
        twice = next((address for address in named if named.count(address) > 1), None)
        if twice is not None:
            raise ValueError(f"`feeds` must name each feed once, named {twice} twice")
        nobody = _NOBODY.search(re.sub(r"[-_.]", "", (self.contact or "").lower().partition("@")[0]) + "@")
        if nobody and any(feed.is_of_sec for feed in self.feeds):
            raise ValueError(f"`contact` must be read by a person for feeds of sec.gov, was {self.contact!r}")
        return self

    @field_validator("feeds", mode="before")
    @classmethod
    def _bare_addresses(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        return tuple({"address": item} if isinstance(item, str) else item for item in value)
