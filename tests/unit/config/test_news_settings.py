"""Which feeds and which contact settings.yaml may name."""

import pytest
from pydantic import ValidationError

from tenthman.config.feeds import NewsSettings

SEC = "https://www.sec.gov/cgi-bin/browse-edgar?action=getcurrent&output=atom"


def settings(contact: str | None, *feeds: str) -> NewsSettings:
    return NewsSettings.model_validate(
        {
            "archive_lag_minutes": 15,
            "lookback_days": 10,
            "sentiment_half_life_days": 3,
            "feeds": list(feeds),
            "contact": contact,
        }
    )


@pytest.mark.parametrize(
    "contact", [None, "", "me", "@", "a@b", "a b@example.org", "a@example.org\r\nX: y", "\u00e4@example.org"]
)
def test_publishers_are_given_an_address_that_mail_reaches(contact: str | None) -> None:
    with pytest.raises(ValidationError, match="`contact` must be an e-mail address"):
        settings(contact, "https://example.org/feed")
    assert settings(None).feeds == ()


@pytest.mark.parametrize("contact", ["noreply@example.org", "No-Reply@example.org", "do_not_reply@example.org"])
def test_the_sec_is_given_somebody_who_reads(contact: str) -> None:
    for address in (SEC, "https://sec.gov", "https://data.SEC.gov./x"):
        with pytest.raises(ValidationError, match="`contact` must be read by a person"):
            settings(contact, address)
    assert settings(contact, "https://notsec.gov/x", "https://example.org/sec.gov/").contact == contact
    assert settings("desk@example.org", SEC).feeds[0].is_of_sec


@pytest.mark.parametrize(
    "address", ["https://me:secret@example.org/", "https://example.org:8443/", "https://", "https://a\nb/", "ftp://a/"]
)
def test_an_address_that_could_never_be_asked_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings("desk@example.org", address)
    assert "a feed must" in str(refused.value)
