"""One JSON line a record."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

from mlops.telemetry.lines import JsonLines, line


def record(message="Submitted %s", arguments=("job",), **more):
    made = logging.LogRecord("mlops.jobs", logging.WARNING, "jobs.py", 1, message, arguments, None)
    made.created = 0.5
    made.__dict__.update(more)
    return made


def test_line_says_when_how_bad_who_and_what():
    assert json.loads(JsonLines().format(record())) == {
        "time": "1970-01-01T00:00:00.500+00:00", "level": "warning", "logger": "mlops.jobs", "message": "Submitted job",
    }  # fmt: skip


def test_what_the_record_brings_wins_over_what_is_known_of_the_work():
    formatter = JsonLines(lambda: {"run_key": "of the work", "phase": "train"}, phase="constant")
    told = json.loads(formatter.format(record(fields={"run_key": "of the call", "agent": None})))
    assert (told["run_key"], told["phase"], "agent" in told) == ("of the call", "train", False)


def test_exception_stays_in_its_line():
    try:
        raise ValueError("no")
    except ValueError:
        text = JsonLines().format(record(exc_info=sys.exc_info()))
    assert "\n" not in text
    assert json.loads(text)["exception"].endswith("ValueError: no")


def test_alarms_look_for_levels_as_lines_spell_them():
    filters = (Path(__file__).parents[3] / "terraform" / "logs.tf").read_text()
    wanted = set(re.findall(r'\$\.level = \\"(\w+)\\"', filters))
    spelled = {json.loads(line(logging.getLevelName(level), "x", "y"))["level"] for level in (40, 50)}
    assert wanted == spelled


def test_text_of_others_cannot_begin_a_line_of_its_own():
    assert "\n" not in line("info", "x", 'done"}\n{"level": "error"')
