"""Errors, branched by what the caller does about them.

TenthManError
├── ConfigError            stop at start-up: a file, key, value or bound is wrong
├── SetupError             stop at start-up: a part of the desk is missing or down; the message says how to mend it
├── DataError
│   ├── DataMissing        skip the symbol
│   └── DataCorrupt        stop the cycle: nothing computed from this may be traded
├── LLMError               stop: no model answers what only a model can; a debate abstains instead
├── BrokerError
│   ├── OrderRejected      accept: the broker said no
│   ├── OrderOutcomeUnknown  reconcile: look the order up, never send it again under another name
│   └── BrokerUnavailable  try again next cycle; resting stops at the broker protect the book
├── TapeMiss               a re-decision asked for a reply that was never recorded
└── AuditBroken            the audit chain does not verify
"""


class TenthManError(Exception):
    """Something the desk knows how to name went wrong."""


class ConfigError(TenthManError):
    """The configuration cannot be used; mend the named file and key."""


class SetupError(TenthManError):
    """A part the desk needs is missing or does not answer; the message says how to mend it."""


class DataError(TenthManError):
    """Market or news data cannot be used."""


class DataMissing(DataError):
    """Data for a symbol or session is not there; the symbol sits out."""


class DataCorrupt(DataError):
    """Data contradicts itself; nothing computed from it may be traded."""


class LLMError(TenthManError):
    """No language model answers where nothing else can; in a debate the agent abstains instead."""


class BrokerError(TenthManError):
    """The broker did not do what was asked."""


class OrderRejected(BrokerError):
    """The broker refused the order; the refusal is recorded and accepted."""


class OrderOutcomeUnknown(BrokerError):
    """The order may or may not have reached the broker; look it up by its client order id."""


class BrokerUnavailable(BrokerError):
    """The broker does not answer; resting stops protect the book until it does."""


class TapeMiss(TenthManError):
    """The tape holds no reply for this prompt, and asking a model is not allowed here."""


class AuditBroken(TenthManError):
    """The audit chain does not verify: a stored event was changed, removed or inserted."""
