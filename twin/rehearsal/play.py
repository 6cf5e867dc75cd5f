"""The rehearsal: one run finished, one in training, and then the database and the bucket are lost (NFR-005)."""

from __future__ import annotations

import json
import time
from typing import Any

from twin.aws.seed import BUCKET
from twin.follow import read_example
from twin.layout import PROJECT, Layout
from twin.rehearsal import losses
from twin.rehearsal.report import RPO_S, RTO_S, Report
from twin.rehearsal.watch import Caller, Writer
from twin.visitor import Visitor

DATABASE, OBJECTS = "Airflow's database", "primary bucket"
_EXAMPLE = "examples/issues/breast_cancer_xgboost.md"
# Long enough to be interrupted in, whatever the machine: half a minute of training on two quiet cores.
_LONG = """```yaml
name: {name}
model_type: supervised_learning
algorithm: neural_network
dataset: {{name: digits}}
hyperparameters: {{hidden_layers: [256, 256], epochs: 200, early_stopping_patience: 200, seed: {seed}}}
evaluation: {{thresholds: {{accuracy: 0.8}}}}
deployment: {{target: sagemaker_endpoint}}
```"""
_SHORT = """```yaml
name: filed-meanwhile
model_type: supervised_learning
algorithm: logistic_regression
dataset: {name: digits}
evaluation: {thresholds: {accuracy: 0.8}}
deployment: {target: none}
```"""
_ENDED = 600.0
"""Seconds in which a run must end, also on a busy machine."""


class Rehearsal:
    """Two losses on a running system, each mended by what its runbook says; `report` grows as it goes."""

    def __init__(self, layout: Layout):
        self.layout = layout
        self.visitor = Visitor(layout)
        self.report = Report()

    def play(self) -> Report:
        """Raises AssertionError where something did not come in time; the report then holds what was found so far."""
        visitor = self.visitor
        self._say("A first run is carried to a served model ...")
        finished = visitor.finished(visitor.file_issue(read_example(PROJECT / _EXAMPLE).body))
        features = finished["phases"]["prepare"]["handle"]["features"]
        endpoint = finished["phases"]["deploy"]["handle"]["endpoint"]
        with Caller(visitor.aws("sagemaker-runtime"), endpoint, [1.0] * features) as caller:
            self._lose_database(finished, caller)
            self._lose_bucket(finished, caller)
        return self.report

    # Airflow's metadata database

    def _lose_database(self, finished: dict[str, Any], caller: Caller) -> None:
        visitor, report = self.visitor, self.report
        issue = visitor.file_issue(_LONG.format(name="interrupted", seed=1))
        record = self._training(issue)
        key = record["run_key"]
        paid_before = self._jobs_of(finished["run_key"])
        self._say(f"{key} trains; Airflow's processes are killed and its database is deleted ...")
        known = losses.airflow_runs(self.layout, "lifecycle")
        answered = (caller.answers, len(caller.failures))
        lost_at = time.time()
        rows = losses.lose_airflow(self.layout)
        meanwhile = visitor.file_issue(_SHORT)
        self._say("A new Airflow with an empty database ...")
        losses.renew_airflow(self.layout)
        self._operate("mlops.recovery", "runs", "--plan")
        self._operate("mlops.recovery", "runs")
        self._say("Waiting until the interrupted run goes on and the new issue is picked up ...")
        goes_on = self._when(lambda: self._goes_on(key), "the interrupted run goes on")
        picked_up = self._when(lambda: self._picked_up(meanwhile), "the new issue is picked up")
        report.measure(DATABASE, "RTO: until the interrupted run goes on", goes_on - lost_at, RTO_S)
        report.measure(DATABASE, "RTO: until an issue filed meanwhile is picked up", picked_up - lost_at, RTO_S)
        ended = visitor.eventually(lambda: self._reported(key), f"{key} ended", _ENDED)
        report.measure(DATABASE, "until the interrupted run is finished", time.time() - lost_at)
        self._expect_once(DATABASE, issue, ended, "deployed")
        self._expect_once(DATABASE, meanwhile, visitor.finished(meanwhile), "registered")
        paid = self._jobs_of(finished["run_key"])
        report.expect(DATABASE, "the finished run was not run again", paid == paid_before, paid)
        again = finished["run_key"] in losses.airflow_runs(self.layout, "lifecycle")
        report.expect(DATABASE, "the new Airflow was not given the finished run", not again)
        lost = {run: made for run, made in known.items() if not self._in_ledger(run)}
        report.expect(DATABASE, "each run that Airflow knew is in the ledger", not lost, sorted(lost))
        oldest = min(lost.values(), default=lost_at)
        report.measure(DATABASE, "RPO: age of the oldest run that was lost", lost_at - oldest, RPO_S)
        kept = record["phases"]["prepare"] == ended["phases"]["prepare"]
        report.expect(DATABASE, "the phase that was over before was not done again", kept, ended["phases"]["prepare"])
        self._expect_answers(DATABASE, caller, answered)
        for each in rows:
            age = "" if each.newest_age_s is None else f", the newest {each.newest_age_s:.1f} s old"
            report.fact(DATABASE, f"lost for good: {each.count} {each.what}{age}")
        report.fact(DATABASE, "kept: task logs (files here, CloudWatch on MWAA), ledger, objects, jobs, endpoints")

    def _training(self, issue: int) -> dict[str, Any]:
        """The issue's run, once its training job is really computing."""

        def look() -> dict[str, Any] | None:
            runs = self.visitor.runs(issue)
            jobs = self._jobs_of(runs[-1]["run_key"])["CreateTrainingJob"] if runs else []
            if not jobs:
                return None
            described = self.visitor.aws("sagemaker").describe_training_job(TrainingJobName=jobs[0])
            return runs[-1] if described["SecondaryStatus"] == "Training" else None

        found: dict[str, Any] = self.visitor.eventually(look, f"the training job of issue {issue} computes", _ENDED)
        return found

    def _jobs_of(self, run_key: str) -> dict[str, list[str]]:
        """Names of the run's jobs, by the twin's log of what it really did."""
        return {
            operation: sorted(each["name"] for each in self.visitor.effects(operation) if run_key in each["name"])
            for operation in ("CreateTrainingJob", "CreateProcessingJob")
        }

    def _goes_on(self, run_key: str) -> bool:
        """The new Airflow waits for the job that ran all the time, or is past it."""
        known = losses.task_states(self.layout, run_key)
        return known.get("train.train_model") in {"deferred", "success"}

    def _picked_up(self, issue: int) -> bool:
        runs = self.visitor.runs(issue)
        return bool(runs) and runs[-1]["run_key"] in losses.airflow_runs(self.layout, "lifecycle")

    def _in_ledger(self, run_key: str) -> bool:
        try:
            return bool(self.visitor.record(run_key))
        except RuntimeError:
            return False

    def _reported(self, run_key: str) -> dict[str, Any] | None:
        record = self.visitor.record(run_key)
        return record if record["reported_at"] else None

    # The bucket

    def _lose_bucket(self, finished: dict[str, Any], caller: Caller) -> None:
        visitor, report, s3 = self.visitor, self.report, self.visitor.aws("s3")
        issue = visitor.file_issue(_LONG.format(name="under-way", seed=2))
        key = self._training(issue)["run_key"]
        served = caller.ask(finished["phases"]["deploy"]["handle"]["endpoint"])
        self._say(f"{key} trains; every object of {BUCKET} is deleted, with all its versions ...")
        answered = (caller.answers, len(caller.failures))
        with Writer(s3, BUCKET) as writer:
            visitor.eventually(lambda: len(writer.written) >= 15, "objects are being written")
            held = losses.inventory(s3, BUCKET)
        lost_at = time.time()
        gone = losses.lose_objects(s3, BUCKET)
        self._say(f"{gone} versions of {len(held)} objects are gone.")
        self._operate("mlops.recovery", "bucket", "--plan")
        self._operate("mlops.recovery", "bucket")
        back = time.time()
        self._operate("mlops.recovery", "check")
        checked = time.time()
        report.measure(OBJECTS, "RTO: until the objects are back, compared by hash", back - lost_at, RTO_S)
        report.measure(OBJECTS, "RTO: until all that ledger and history name is checked", checked - lost_at, RTO_S)
        now = losses.inventory(s3, BUCKET)
        written = {name: one.written for name, one in held.items()} | writer.written
        missing = [name for name in written if name not in now or held.get(name, now[name]).sha256 != now[name].sha256]
        oldest = min((written[name] for name in missing), default=lost_at)
        report.measure(OBJECTS, "RPO: age of the oldest object that did not come back", lost_at - oldest, RPO_S)
        report.fact(OBJECTS, f"{gone} versions of {len(written)} objects deleted, {len(missing)} lost: not copied yet")
        self._redeploy(finished, caller, served, lost_at)
        ended = visitor.eventually(lambda: self._reported(key), f"{key} ended", _ENDED)
        report.measure(OBJECTS, "until the run that trained meanwhile is finished", time.time() - lost_at)
        self._expect_once(OBJECTS, issue, ended, "deployed")
        self._expect_answers(OBJECTS, caller, answered)

    def _redeploy(self, finished: dict[str, Any], caller: Caller, served: dict[str, Any], lost_at: float) -> None:
        """A new machine loads the model from the bucket that came back, and answers as the one before did."""
        sagemaker = self.visitor.aws("sagemaker")
        deployed = finished["phases"]["deploy"]["handle"]
        config = sagemaker.describe_endpoint(EndpointName=deployed["endpoint"])["EndpointConfigName"]
        name = f"{deployed['endpoint'][:50]}-rehearsal"
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.visitor.eventually(
            lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService", f"{name} serves"
        )
        self.report.measure(OBJECTS, "RTO: until a model is served from it anew", time.time() - lost_at, RTO_S)
        answer = caller.ask(name)
        same = [answer.get(part) == served.get(part) for part in ("predictions", "model_version")]
        self.report.expect(OBJECTS, "the model served anew answers as before", all(same), json.dumps(answer))
        sagemaker.delete_endpoint(EndpointName=name)

    # Both

    def _expect_once(self, loss: str, issue: int, record: dict[str, Any], outcome: str) -> None:
        visitor, report, key = self.visitor, self.report, record["run_key"]
        report.expect(
            loss, f"the run of issue {issue} ended {outcome}", record["outcome"] == outcome, record["message"]
        )
        jobs = self._jobs_of(key)["CreateTrainingJob"]
        report.expect(loss, f"issue {issue}: one training job", len(jobs) == 1, jobs)
        report.expect(loss, f"issue {issue}: one run", len(visitor.runs(issue)) == 1)
        living = [each for each in visitor.comments(issue) if f"mlops-run:{key}" in each["body"]]
        report.expect(loss, f"issue {issue}: one comment", len(living) == 1, len(living))
        printed = self._operate("mlops.history", "verify")
        report.expect(loss, f"issue {issue}: the history's chain holds", printed.startswith("The chain holds"), printed)

    def _expect_answers(self, loss: str, caller: Caller, before: tuple[int, int]) -> None:
        answers, failures = caller.answers - before[0], caller.failures[before[1] :]
        self.report.fact(loss, f"the endpoint answered {answers} of {answers + len(failures)} requests meanwhile")
        self.report.expect(loss, "the endpoint answered all the time", answers > 0 and not failures, failures[:3])

    def _when(self, look: Any, what: str) -> float:
        self.visitor.eventually(look, what, _ENDED)
        return time.time()

    def _operate(self, *words: str) -> str:
        """Type a command of the runbook; its refusal to do what it should (status 2) ends the rehearsal."""
        done = losses.operate(self.layout, *words)
        command = " ".join(["python -m", *words])
        self._say(f"$ {command}\n{done.stdout}{done.stderr}".rstrip())
        self.report.commands.append((command, done.stdout + done.stderr))
        if done.returncode not in {0, 1} or (done.returncode and "--plan" not in words):
            self.report.expect("", f"`{command}` does what it says", False, f"status {done.returncode}")
        return done.stdout

    def _say(self, text: str) -> None:
        print(text, flush=True)
