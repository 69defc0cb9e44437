"""Seconds a ticker for all five agents with the embedded model, on the fixed cases of the examination."""

import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tenthman.agents.committee import Standing, review
from tenthman.agents.exam_cases import exam_cases
from tenthman.agents.llm_interface import open_language_model
from tenthman.config import load_config

CASES = 12


def main() -> None:
    """Print median and 95th percentile, and what became of the replies."""
    config = load_config(None, os.environ)
    spent, states = [], Counter[str]()
    with open_language_model(config.models.language, Path(tempfile.mkdtemp(prefix="tenthman-bench-"))) as model:
        standing = Standing(model=model.name, digest=model.digest, binding=False)
        for item in exam_cases()[:CASES]:
            began = time.perf_counter()
            answer = review(item.case, model.ask, config.agents, standing, 0.0)
            spent.append(time.perf_counter() - began)
            states.update(critique.state.value for critique in answer.critiques)
    middle, late = np.percentile(spent, [50, 95])
    print(f"five agents: median {middle:.1f} s a ticker, 95th percentile {late:.1f} s ({CASES} cases); {dict(states)}")


if __name__ == "__main__":
    main()
