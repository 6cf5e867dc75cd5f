from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlops import policy
from mlops.errors import RequestRefused
from mlops.policy import Policy

SPEC = """
    spec:
      model_type: supervised_learning
      algorithm: random_forest
      dataset: {name: wine}
"""


def test_the_committed_policy_is_one():
    loaded = policy.load(Path(__file__).parents[2] / "dags" / "policy.yaml")
    assert [schedule.name for schedule in loaded.schedules] == ["weekly_wine"]
    assert loaded.new_data["wine"].model == "wine-weekly"
    assert policy.run_spec(loaded.schedules[0].spec).name == "wine-weekly"


def test_no_file_is_an_empty_policy(tmp_path):
    assert policy.load(tmp_path / "policy.yaml") == Policy()
    assert policy.parse("") == Policy()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedules: [", "is not YAML"),
        ("sched: []", "sched: Extra inputs are not permitted"),
        (f"schedules:\n  - name: a\n    cron: soon{SPEC}", "'soon' is no cron expression"),
        ("schedules:\n  - {name: a, cron: '@daily'}", "give either spec or model"),
        ("monitoring: {drift: panic}", "monitoring.drift"),
        ("schedules:\n  - {name: a, cron: '@daily', spec: {algorithm: nonsense}}", "schedules.a.spec: .*nonsense"),
        (
            "schedules:\n  - {name: a, cron: '@daily', model: m}\n  - {name: a, cron: '@daily', model: m}",
            "a is there twice",
        ),
    ],
)
def test_a_mistake_is_refused_by_place(text, message):
    with pytest.raises(RequestRefused, match=message):
        policy.parse(text)


def test_an_unknown_schedule_is_refused_with_those_there_are():
    known = policy.parse("schedules:\n  - {name: nightly, cron: '@daily', model: m}")
    assert known.schedule("nightly").model == "m"
    with pytest.raises(RequestRefused, match="there are: nightly"):
        known.schedule("weekly")


def test_a_dag_file_can_read_it_without_loading_aws():
    code = "import sys, mlops.policy, mlops.judge; sys.exit(bool({'boto3', 'botocore', 'airflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
