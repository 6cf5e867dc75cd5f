"""What holds for each DAG file: it parses, fast, without the heavy libraries, and serializes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = {"torch", "sagemaker", "evidently", "pandas", "mlflow", "sklearn", "xgboost", "mcp", "mcp_bridge", "workloads"}


def test_the_six_dags_are_there_without_errors(parsed):
    bag, _ = parsed
    assert bag.import_errors == {}
    assert set(bag.dags) == {
        "issue_intake", "lifecycle", "monitoring", "scheduled_retrain", "data_arrival", "workflow_failure",
    }  # fmt: skip


def test_all_files_parse_in_under_a_second(parsed):
    """Processor time: the machine that runs this has other things to do."""
    _, seconds = parsed
    assert seconds < 1.0


def test_parsing_loads_no_heavy_library():
    code = (
        "import sys, runpy\n"
        f"for file in {[str(file) for file in FILES]!r}:\n"
        "    runpy.run_path(file)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    path = f"{ROOT}:{ROOT / 'plugins'}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "", "PYTHONPATH": path, "AIRFLOW_HOME": str(Path("/nonexistent-airflow-home"))},
    )  # fmt: skip
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr[-2000:]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_dag_file_fits_on_two_screens_and_reads_no_issue_text(file):
    tree = ast.parse(file.read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert not [text for text in texts if "{{" in text or "{%" in text]
    assert len(file.read_text().splitlines()) <= 130


def test_no_dag_catches_up_or_renders_native_objects(dags):
    for dag in dags.values():
        assert dag.catchup is False
        assert dag.render_template_as_native_obj is False


def test_no_task_of_ours_has_template_fields(dags):
    for dag in dags.values():
        for task in dag.tasks:
            assert tuple(task.template_fields) == (), f"{dag.dag_id}.{task.task_id}"


def test_every_task_retries_platform_faults_three_times(dags):
    for dag in dags.values():
        for task in dag.tasks:
            assert task.retries == 3, f"{dag.dag_id}.{task.task_id}"


def test_every_agent_that_a_task_names_is_granted_its_tools(dags):
    from mcp_bridge.agents import CAPABILITIES, GRANTS, allows
    from mcp_bridge.server import build
    from mlops.services import Services
    from mlops.settings import Settings

    bridge = build(Services(Settings()))
    assert set(bridge.capability_of.values()) == set(CAPABILITIES)
    for dag in dags.values():
        for task in dag.tasks:
            options = getattr(task, "partial_kwargs", None) or vars(task)
            for tool in (options.get(name) for name in ("tool", "start", "collect")):
                if tool:
                    assert allows(GRANTS[options["agent"]], bridge.capability_of[tool], tool), f"{task.task_id}: {tool}"


def test_dags_serialize(dags):
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == dag.dag_id
