"""Train the classifier of headlines that comes with the package, from our own sentences, and measure it.

    python tools/train_sentiment.py [--write] [--data LABELLED ...]

It is measured by cross-validation on its own sentences, on the practice market's headlines (whose tone is known, and
none of which it learned from), and on any labelled file that is named (CSV or parquet: text, label[, dataset]).
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from sentiment_sentences import sentences

from tenthman.exchange import practice_templates as practice
from tenthman.features.sentiment_classifier import CLASSES, name_of, opened
from tenthman.features.sentiment_training import Labelled, without_repeats
from tenthman.news.embedder import Embedder
from tenthman.scheduler.gathering.scoring import SHIPPED
from tenthman.scheduler.models.sentiment_lab import (
    LabelledFile,
    cross_figures,
    model_figures,
    read_labelled,
    train_on_all,
)

OWN = "own sentences"
PRACTICE = "practice market"
MODEL = Path(__file__).resolve().parents[1] / "src" / "tenthman" / "features" / SHIPPED
EACH_TEMPLATE = 4
_SLOT = re.compile(r"\{(\w+)\}")


def main() -> None:
    """Train, measure, print the figures as JSON; with --write, put the model into the package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the model into the package")
    parser.add_argument("--data", type=Path, action="append", default=[], help="a labelled file to measure it on")
    asked = parser.parse_args()
    embedder = Embedder()
    own = LabelledFile(sets={OWN: _labelled(sentences(), embedder)})
    archive = train_on_all(own, embedder.model)
    model = opened(archive)
    figures = cross_figures(own, embedder.model)
    figures.append(model_figures(model, PRACTICE, _labelled(_practice_headlines(), embedder), OWN))
    for path in asked.data:
        read = read_labelled(path, embedder, lambda _done, _total: None)
        figures += [model_figures(model, name, held, OWN) for name, held in read.sets.items()]
    if asked.write:
        MODEL.write_bytes(archive)
    facts = {"model": name_of(archive), "bytes": len(archive), "figures": [asdict(item) for item in figures]}
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")


def _labelled(told: Iterator[tuple[str, str]], embedder: Embedder) -> Labelled:
    texts, labels = zip(*told, strict=True)
    return without_repeats(
        Labelled(texts=texts, vectors=embedder.embed(texts), labels=np.array([CLASSES.index(item) for item in labels]))
    )


def _practice_headlines() -> Iterator[tuple[str, str]]:
    """A few headlines of each phrase of the practice market about companies, with the tone that its event has."""
    draw = random.Random(0)  # noqa: S311 - phrases, not secrets
    told = [(phrase, tone) for (_, tone), phrases in practice.EVENTS.items() for phrase in phrases]
    for by_tone in (practice.REACTIONS, practice.OPINIONS):
        told += [(phrase, tone) for tone, phrases in by_tone.items() for phrase in phrases]
    told += [(phrase, 0) for phrase in practice.COMPANY_NOISE]
    for phrase, tone in told:
        for _ in range(EACH_TEMPLATE):
            yield _SLOT.sub(lambda found: _word(draw, found[1]), phrase), CLASSES[tone + 1]


def _word(draw: random.Random, slot: str) -> str:
    if slot in ("co", "other"):
        return draw.choice(("Aldwick Mills", "Borrow Street Bank", "Corvane", "Delmere Holdings", "Eastlight"))
    choices = practice.SLOTS.get(slot)
    return draw.choice(choices) if choices else str(draw.randrange(2, 90))


if __name__ == "__main__":
    main()
