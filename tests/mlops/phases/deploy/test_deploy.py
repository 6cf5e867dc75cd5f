"""Deployments on the twin, with servers that really answer; the tests follow one another on one endpoint."""

from __future__ import annotations

import dataclasses

import pytest

from mlops import endpoints, registry
from mlops.errors import PlatformFault, RequestRefused, Unavailable, UserFault
from mlops.phases import deploy
from mlops.record import PhaseState

ENDPOINT = "mlops-toy"


@pytest.fixture(scope="module")
def first(laptop) -> str:
    """A run that is packaged, and not deployed yet."""
    run = laptop.open_run()
    for phase in ("prepare", "train", "validate", "package"):
        laptop.run_phase(run, phase)
    return run


@pytest.fixture(scope="module")
def serving(laptop, first) -> str:
    """The first run, deployed: v1.0.0."""
    laptop.deploy(first)
    return first


def config(laptop) -> str:
    return laptop.services.cloud.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]


def test_the_first_deployment_creates_an_endpoint_that_is_proved_to_answer(laptop, first):
    submission = deploy.start(laptop.services, first)
    assert (submission.job.name, submission.job.kind) == (ENDPOINT, "endpoint")
    laptop.follow(first)
    done = deploy.confirm(laptop.services, first)
    assert (done.state, done.version, done.strategy) == ("in_service", "v1.0.0", "blue_green")
    assert done.proof.endswith("100 % of requests go to v1-0-0; 5 of 5 requests were answered by v1.0.0.")
    assert deploy.confirm(laptop.services, first) == done
    assert deploy.start(laptop.services, first).skipped == done.proof
    assert len(laptop.effects("CreateEndpoint")) == 1


def test_the_endpoint_describes_itself_and_answers(laptop, serving):
    described = deploy.describe(laptop.services, ENDPOINT)
    assert (described["status"], described["traffic"], described["serving"]["version"]) == (
        "InService", {"v1-0-0": 100.0}, "v1.0.0",
    )  # fmt: skip
    answer = deploy.predict(laptop.services, ENDPOINT, [{"a": 3.0, "b": 3.0}, {"a": 0.0, "b": 0.0}])
    assert answer["model_version"] == "v1.0.0"
    assert [one["label"] for one in answer["predictions"]] == ["yes", "no"]
    with pytest.raises(RequestRefused, match="b"):
        deploy.predict(laptop.services, ENDPOINT, [{"a": 3.0}])
    with pytest.raises(RequestRefused, match="known are: mlops-toy"):
        deploy.describe(laptop.services, "mlops-nothing")


def test_a_canary_moves_by_ten_fifty_and_hundred_and_ends_with_one_variant(laptop, serving):
    run = laptop.trained_like(serving, deployment={"target": "sagemaker_endpoint", "strategy": "canary"})
    done = laptop.deploy(run)
    assert (done.state, done.version, done.strategy) == ("in_service", "v1.1.0", "canary")
    moved = [
        [one["DesiredWeight"] for one in effect["wanted"] if one["VariantName"] == "v1-1-0"]
        for effect in laptop.effects("UpdateEndpointWeightsAndCapacities")
    ]
    assert moved == [[50.0], [100.0]]
    record = endpoints.read(laptop.services.ledger, ENDPOINT)
    assert (record.serving.version, record.previous.version) == ("v1.1.0", "v1.0.0")


def test_a_canary_that_is_too_slow_goes_back(laptop, serving):
    before = config(laptop)
    run = laptop.trained_like(serving, deployment={"target": "sagemaker_endpoint", "strategy": "canary"})
    patient = laptop.services.settings
    laptop.services.settings = dataclasses.replace(patient, canary_max_latency_ms=0.0001)
    try:
        with pytest.raises(UserFault, match=r"P95 latency is .* at 10 % of requests"):
            laptop.deploy(run)
    finally:
        laptop.services.settings = patient
    assert config(laptop) == before
    phase = laptop.services.ledger.get_run(run).phases["deploy"]
    assert (phase.state, phase.handle["state"]) == (PhaseState.FAILED, "rolled_back")
    assert endpoints.read(laptop.services.ledger, ENDPOINT).serving.version == "v1.1.0"
    with pytest.raises(UserFault):
        deploy.start(laptop.services, run)


def test_a_version_that_never_becomes_healthy_is_rolled_back_and_said_so(laptop, serving):
    before = config(laptop)
    run = laptop.trained_like(serving)
    laptop.fault(fault="ping", name=f"{ENDPOINT}-v1-3-0-*", count=-1)
    try:
        with pytest.raises(UserFault, match="ping"):
            laptop.deploy(run)
    finally:
        laptop.no_faults()
    assert config(laptop) == before
    phase = laptop.services.ledger.get_run(run).phases["deploy"]
    assert phase.handle["proof"] == "v1.1.0 serves."
    assert phase.message.startswith("Rolled back, v1.1.0 serves: ")


def test_an_older_run_never_replaces_a_newer_one(laptop, serving):
    before = config(laptop)
    run = laptop.trained_like(serving, created_at="2026-01-01T00:00:00Z")
    submission = deploy.start(laptop.services, run)
    assert "was changed by the newer run" in submission.skipped
    assert deploy.confirm(laptop.services, run).state == "skipped"
    assert config(laptop) == before


def test_a_backfill_writes_to_no_endpoint(laptop, serving):
    writes = len(laptop.effects("UpdateEndpoint"))
    run = laptop.trained_like(serving, may_deploy=False)
    for _ in range(2):
        assert "may not deploy" in deploy.start(laptop.services, run).skipped
    assert deploy.confirm(laptop.services, run).state == "skipped"
    assert len(laptop.effects("UpdateEndpoint")) == writes


def test_an_ab_test_keeps_both_versions_until_a_person_decides(laptop, serving):
    wanted = {
        "target": "sagemaker_endpoint",
        "strategy": "ab_test",
        "auto_scaling": {"min_instances": 1, "max_instances": 3, "target_invocations_per_instance": 100},
    }
    done = laptop.deploy(laptop.trained_like(serving, deployment=wanted))
    assert (done.state, done.auto_scaling) == (
        "in_service", "1 to 3 instances, 100 requests per instance and minute",
    )  # fmt: skip
    record = endpoints.read(laptop.services.ledger, ENDPOINT)
    assert (record.serving.version, record.challenger.version) == ("v1.1.0", done.version)
    assert set(deploy.describe(laptop.services, ENDPOINT)["traffic"].values()) == {50.0}
    targets = laptop.services.cloud.autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    assert [(one["ResourceId"], one["MaxCapacity"]) for one in targets["ScalableTargets"]] == [
        (f"endpoint/{ENDPOINT}/variant/{done.version.replace('.', '-')}", 3)
    ]

    won = deploy.promote(laptop.services, ENDPOINT)
    assert (won.state, won.version) == ("in_service", done.version)
    record = endpoints.read(laptop.services.ledger, ENDPOINT)
    assert (record.serving.version, record.previous.version, record.challenger) == (done.version, "v1.1.0", None)
    with pytest.raises(RequestRefused, match="No A/B test"):
        deploy.promote(laptop.services, ENDPOINT)


def test_one_word_brings_the_version_before_back(laptop, serving):
    leaving = endpoints.read(laptop.services.ledger, ENDPOINT).serving
    back = deploy.roll_back(laptop.services, ENDPOINT, "octocat")
    assert (back.state, back.version) == ("in_service", "v1.1.0")
    assert deploy.predict(laptop.services, ENDPOINT, [[0.0, 0.0]])["model_version"] == "v1.1.0"
    noted = endpoints.read(laptop.services.ledger, ENDPOINT).rollbacks[0]
    assert (noted["what"], noted["by"], noted["from"], noted["run"]) == (
        "rollback", "octocat", leaving.version, leaving.run_key,
    )  # fmt: skip
    told = laptop.services.ledger.get_run(leaving.run_key).taken_back
    assert (told.by, told.at, told.endpoint, told.serves) == ("octocat", noted["at"], ENDPOINT, "v1.1.0")
    assert deploy.taken_back(laptop.services, ENDPOINT) == leaving.run_key
    with pytest.raises(RequestRefused, match="no earlier version"):
        deploy.roll_back(laptop.services, ENDPOINT)


def test_a_deployment_that_needs_a_person_waits_for_the_registry(laptop, serving):
    wanted = {"target": "sagemaker_endpoint", "approval": True}
    run = laptop.trained_like(serving, created_at="2026-12-30T00:00:00Z", deployment=wanted)
    before = config(laptop)
    deploy.start(laptop.services, run)
    assert "waits for a person to approve" in deploy.follow(laptop.services, run).detail
    assert config(laptop) == before
    deploy.approve(laptop.services, run, "octocat")
    laptop.follow(run)
    assert deploy.confirm(laptop.services, run).state == "in_service"
    with pytest.raises(RequestRefused, match="waits for nobody"):
        deploy.approve(laptop.services, serving, "octocat")


def test_a_version_that_is_rejected_is_never_deployed(laptop, serving):
    wanted = {"target": "sagemaker_endpoint", "approval": True}
    run = laptop.trained_like(serving, created_at="2026-12-31T00:00:00Z", deployment=wanted)
    before = config(laptop)
    deploy.start(laptop.services, run)
    arn = laptop.services.ledger.get_run(run).phases["package"].handle["package_arn"]
    registry.approve(laptop.services.cloud, arn, "Rejected", "not now")
    with pytest.raises(UserFault, match="was rejected in the Model Registry"):
        deploy.confirm(laptop.services, run)
    assert config(laptop) == before


def test_a_version_that_stands_and_does_not_answer_is_taken_back(laptop, serving):
    before = config(laptop)
    run = laptop.trained_like(serving, created_at="2026-12-31T01:00:00Z")
    deploy.start(laptop.services, run)
    assert laptop.follow(run).state == "done"
    laptop.fault(fault="500", op="InvokeEndpoint", count=3)
    with pytest.raises(UserFault, match="is InService, and a request failed"):
        deploy.confirm(laptop.services, run)
    laptop.no_faults()
    assert config(laptop) == before
    assert laptop.services.ledger.get_run(run).phases["deploy"].handle["state"] == "rolled_back"


def test_a_deployment_waits_for_another_change_of_the_endpoint(laptop, serving):
    run = laptop.trained_like(serving, created_at="2026-12-31T02:00:00Z")
    laptop.services.cloud.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config(laptop))
    deploy.start(laptop.services, run)
    assert "waits for another change" in deploy.follow(laptop.services, run).detail
    with pytest.raises(Unavailable, match="still changes"):
        deploy.confirm(laptop.services, run)
    laptop.follow(run)
    assert deploy.confirm(laptop.services, run).state == "in_service"


def test_a_newer_run_takes_over_and_the_older_one_stops(laptop, serving):
    older = laptop.trained_like(serving, created_at="2026-12-31T03:00:00Z")
    newer = laptop.trained_like(serving, created_at="2026-12-31T04:00:00Z")
    deploy.start(laptop.services, older)
    deploy.start(laptop.services, newer)
    assert f"The newer run {newer} has taken over" in deploy.follow(laptop.services, older).detail
    with pytest.raises(PlatformFault, match="has taken over"):
        deploy.confirm(laptop.services, older)
    laptop.follow(newer)
    assert deploy.confirm(laptop.services, newer).state == "in_service"
    assert "was changed by the newer run" in deploy.start(laptop.services, older).skipped


def test_an_endpoint_that_never_came_up_is_made_anew_by_the_next_run(laptop, serving):
    first = laptop.trained_like(serving, name="fresh")
    laptop.fault(fault="ping", name="mlops-fresh-v1-0-0-*", count=-1)
    try:
        with pytest.raises(UserFault, match="ping"):
            laptop.deploy(first)
    finally:
        laptop.no_faults()
    assert laptop.services.ledger.get_run(first).phases["deploy"].handle["state"] == "failed"
    second = laptop.trained_like(serving, name="fresh")
    assert laptop.deploy(second).version == "v1.1.0"
    assert [one["endpoint"] for one in map(dict, endpoints.list_all(laptop.services.ledger))] == [
        "mlops-fresh", "mlops-toy",
    ]  # fmt: skip


def test_a_deployment_killed_at_any_call_ends_with_the_new_version_serving(laptop, serving):
    run = laptop.trained_like(serving, created_at="2027-01-01T00:00:00Z")
    updates = len(laptop.effects("UpdateEndpoint"))

    def carry_through() -> None:
        deploy.start(laptop.services, run)
        laptop.follow(run)
        deploy.confirm(laptop.services, run)

    assert laptop.killed_at_each_call(carry_through) > 20
    assert deploy.confirm(laptop.services, run).state == "in_service"
    assert len(laptop.effects("UpdateEndpoint")) == updates + 1
    assert endpoints.read(laptop.services.ledger, ENDPOINT).serving.run_key == run
