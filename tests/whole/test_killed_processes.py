"""kill -9 in the middle of training: one finished run, one training job, one comment."""

from __future__ import annotations

import psutil
import pytest

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]

# Some ten seconds of training: long enough to be killed in, whatever the machine.
_BODY = """```yaml
model_type: supervised_learning
algorithm: neural_network
dataset: {{name: digits}}
hyperparameters: {{hidden_layers: [256, 256], epochs: {epochs}, early_stopping_patience: 200, seed: {seed}}}
evaluation: {{thresholds: {{accuracy: 0.8}}}}
deployment: {{target: none}}
```"""


def _training(system, issue):
    """The run record, once its training job is really computing."""

    def look():
        runs = system.runs(issue)
        if not runs:
            return None
        jobs = [e["name"] for e in system.effects("CreateTrainingJob") if runs[-1]["run_key"] in e["name"]]
        if not jobs:
            return None
        state = system.aws("sagemaker").describe_training_job(TrainingJobName=jobs[0])["SecondaryStatus"]
        return runs[-1] if state == "Training" else None

    return system.eventually(look, "the training job computes")


def _assert_done_once(system, issue):
    record = system.finished(issue)
    assert record["outcome"] == "registered"
    jobs = {e["name"] for e in system.effects("CreateTrainingJob") if record["run_key"] in e["name"]}
    assert len(jobs) == 1
    assert len(system.runs(issue)) == 1
    living = [c for c in system.comments(issue) if f"mlops-run:{record['run_key']}" in c["body"]]
    assert len(living) == 1
    path = record["history_path"].rsplit("/", 1)[0]
    files = [file["name"] for file in system.github.get(f"/contents/{path}").json()]
    assert files.count(f"{record['run_key']}.json") == 1


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        pytest.param(1, ("airflow", "scheduler"), id="scheduler"),
        pytest.param(2, ("airflow", "triggerer"), id="triggerer"),
        pytest.param(3, ("mcp_bridge",), id="mcp server"),
    ],
)
def test_a_service_killed_during_training_changes_nothing(system, seed, words):
    issue = system.file_issue(_BODY.format(epochs=60, seed=seed))
    _training(system, issue)
    victims = system.processes(*words)
    assert victims
    for victim in victims:
        victim.kill()
    _assert_done_once(system, issue)


def test_a_task_process_killed_while_it_submits_trains_once(system):
    """The reply of CreateTrainingJob is held back; the task that waits for it is killed."""
    system.hold_back_the_reply("CreateTrainingJob", 8)
    issue = system.file_issue(_BODY.format(epochs=30, seed=4))

    def submitted():
        runs = system.runs(issue)
        return runs and [e for e in system.effects("CreateTrainingJob") if runs[-1]["run_key"] in e["name"]]

    system.eventually(submitted, "the job was created and its reply is held back")
    run_key = system.runs(issue)[-1]["run_key"]
    task = system.airflow(f"dags/lifecycle/dagRuns/{run_key}/taskInstances/train.train_model")
    victims = [process for process in psutil.process_iter() if task["id"] in _command(process)]
    assert victims, "Airflow names a task's process by the id of its instance"
    for victim in victims:
        victim.kill()
    _assert_done_once(system, issue)


def _command(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_the_mcp_server_killed_between_submit_and_record_trains_once(system):
    system.hold_back_the_reply("CreateTrainingJob", 8)
    issue = system.file_issue(_BODY.format(epochs=30, seed=5))

    def submitted():
        runs = system.runs(issue)
        return runs and [e for e in system.effects("CreateTrainingJob") if runs[-1]["run_key"] in e["name"]]

    # While the server waits for the reply its answer to us waits too, on another thread: list_runs still works.
    system.eventually(submitted, "the job was created and its reply is held back")
    for server in system.processes("mcp_bridge"):
        server.kill()
    _assert_done_once(system, issue)
