"""Logging: JSON lines with ids, and no secret in any of them."""

import json
import logging

import pytest
import structlog

from tenthman.utils.logging import bind, configure_logging


@pytest.fixture
def log_file(tmp_path):
    path = configure_logging("INFO", tmp_path, ["hunter2", "hunter2-longer"], terminal=False)
    assert path is not None
    yield path
    configure_logging("WARNING", None, [], terminal=False)
    structlog.reset_defaults()


def _lines(path):
    for handler in logging.getLogger().handlers:
        handler.flush()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_line_is_json_and_carries_the_bound_ids(log_file):
    with bind(run_id="r1"), bind(decision_id="d1"):
        structlog.get_logger("desk").info("order sent", ticker="ABC")
    line = _lines(log_file)[-1]
    assert (line["event"], line["ticker"], line["run_id"], line["decision_id"]) == ("order sent", "ABC", "r1", "d1")
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_ids_are_gone_after_their_block(log_file):
    with bind(run_id="r1"):
        pass
    structlog.get_logger("desk").info("later")
    assert "run_id" not in _lines(log_file)[-1]


def test_secrets_are_masked_in_values_nested_values_and_tracebacks(log_file):
    logger = structlog.get_logger("desk")
    logger.warning("connecting", url="postgresql://u:hunter2@h/d", parts={"password": ["hunter2-longer"]})
    try:
        int("hunter2")
    except ValueError:
        logger.exception("failed")
    text = log_file.read_text()
    assert "hunter2" not in text
    assert "***" in text


def test_lines_of_other_libraries_are_masked_and_json_too(log_file):
    logging.getLogger("library").warning("token %s refused", "hunter2")
    assert _lines(log_file)[-1]["event"] == "token *** refused"


def test_lines_below_the_level_are_not_written(log_file):
    structlog.get_logger("desk").debug("detail")
    assert not log_file.exists() or "detail" not in log_file.read_text()


def test_a_library_that_writes_a_line_a_request_is_heard_only_when_it_warns(log_file):
    logging.getLogger("httpx").info("HTTP Request: GET http://127.0.0.1/")
    logging.getLogger("httpx").warning("certificate expired")
    assert [line["event"] for line in _lines(log_file)] == ["certificate expired"]
