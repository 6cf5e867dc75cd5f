from __future__ import annotations

import pytest

from mlops import datasets
from mlops.errors import RequestRefused, Unavailable, UserFault
from mlops.objects import read_json
from mlops.phases import prepare
from mlops.raw_data import Inventory, RawObject
from mlops.record import PhaseState
from mlops.spec import RunSpec


def spec(**dataset) -> RunSpec:
    return RunSpec.model_validate(
        {
            "model_type": "supervised_learning",
            "algorithm": "random_forest",
            "dataset": {"name": "toy", **dataset},
        }
    )


def test_the_fingerprint_follows_contents_goal_and_code_and_nothing_else():
    here = Inventory("a", "x/", (RawObject("x/data.csv", "e1", 3),))
    elsewhere = Inventory("b", "y/z/", (RawObject("y/z/data.csv", "e1", 3, "v9"),))
    changed = Inventory("a", "x/", (RawObject("x/data.csv", "e2", 3),))
    base = prepare.fingerprint(spec(), here, {}, "image:1")
    assert prepare.fingerprint(spec(), elsewhere, {}, "image:1") == base
    others = [
        prepare.fingerprint(spec(), changed, {}, "image:1"),
        prepare.fingerprint(spec(target="b"), here, {}, "image:1"),
        prepare.fingerprint(spec(splits={"train": 0.6, "validation": 0.2, "test": 0.2}), here, {}, "image:1"),
        prepare.fingerprint(spec(), here, {"task": "regression"}, "image:1"),
        prepare.fingerprint(spec(), here, {}, "image:2"),
    ]
    assert len({base, *others}) == 6
    assert prepare.fingerprint(spec(target="b"), here, {}, "i") == prepare.fingerprint(
        spec(), here, {"target": "b"}, "i"
    )


def test_a_run_prepares_its_data_and_a_second_one_reuses_the_version(laptop):
    first = laptop.open_run()
    laptop.wait(prepare.start(laptop.services, first))
    made = prepare.collect(laptop.services, first)
    assert (made.version, made.task, made.target, made.features, made.reused) == (
        "v1.0.0", "classification", "kind", 2, False,
    )  # fmt: skip
    assert sum(made.rows.values()) == 150
    assert prepare.collect(laptop.services, first) == made

    second = laptop.open_run(algorithm="random_forest")
    assert prepare.start(laptop.services, second).skipped == "Version v1.0.0 of toy exists; it is reused."
    assert prepare.collect(laptop.services, second) == made.model_copy(update={"reused": True})
    assert len(laptop.effects("CreateProcessingJob")) == 1
    assert prepare.start(laptop.services, second).skipped == "The data is prepared."


def test_the_manifest_names_every_file_and_the_pointer_the_version(laptop):
    manifest = datasets.manifest(laptop.services, "toy", "v1.0.0")
    assert datasets.missing_files(laptop.services, "datasets/toy/versions/v1.0.0/", manifest["files"]) == []
    assert manifest["lineage"]["raw_uri"] == "s3://mlops-bucket/datasets/toy/raw/"
    pointer = read_json(laptop.services.cloud, "s3://mlops-bucket/datasets/toy/processed/current.json")
    assert pointer["version"] == "v1.0.0"
    described = datasets.describe(laptop.services, "toy")
    assert described["current"] == "v1.0.0"
    assert [(one["version"], one["complete"], one["task"]) for one in described["versions"]] == [
        ("v1.0.0", True, "classification")
    ]


def test_a_file_that_is_missing_or_cut_short_is_named(laptop):
    files = {"train/data.parquet": {"bytes": 1}, "nowhere.json": {"bytes": 5}}
    missing = datasets.missing_files(laptop.services, "datasets/toy/versions/v1.0.0/", files)
    assert missing == ["nowhere.json", "train/data.parquet"]


def test_new_data_make_a_minor_version_and_new_columns_a_major_one(laptop):
    laptop.upload("grown")
    keys = []
    for change in ({"rows": 150}, {"rows": 160}, {"rows": 160, "target": "label"}):
        laptop.upload("grown", **change)
        run = laptop.open_run(name="grown", dataset={"name": "grown"})
        laptop.wait(prepare.start(laptop.services, run))
        keys.append(prepare.collect(laptop.services, run).version)
    assert keys == ["v1.0.0", "v1.1.0", "v2.0.0"]


def test_two_runs_at_once_on_the_same_data_share_one_job(laptop):
    laptop.upload("shared", rows=90)
    one, two = (laptop.open_run(name="shared", dataset={"name": "shared"}) for _ in range(2))
    first, second = prepare.start(laptop.services, one), prepare.start(laptop.services, two)
    assert second.job.name == first.job.name
    assert second.job.adopted is True
    laptop.wait(second)
    assert prepare.collect(laptop.services, one).version == prepare.collect(laptop.services, two).version


def test_a_missing_dataset_is_the_requesters_mistake_and_names_those_there_are(laptop):
    run = laptop.open_run(dataset={"name": "iris"})
    with pytest.raises(UserFault, match=r"nothing lies at s3://mlops-bucket/datasets/iris/raw/\. There are: .*toy"):
        prepare.start(laptop.services, run)
    phase = laptop.services.ledger.get_run(run).phases["prepare"]
    assert phase.state is PhaseState.FAILED
    assert "iris" in phase.message


def test_a_mistake_that_the_job_finds_is_reported_and_never_retried(laptop):
    run = laptop.open_run(dataset={"name": "toy", "target": "nonsense"})
    status = laptop.wait(prepare.start(laptop.services, run))
    assert (status.state, status.fault) == ("failed", "user")
    for _ in range(2):
        with pytest.raises(UserFault, match="no column 'nonsense'"):
            prepare.collect(laptop.services, run)
        with pytest.raises(UserFault, match="no column 'nonsense'"):
            prepare.start(laptop.services, run)
    assert len(laptop.effects("CreateProcessingJob", f"{run}-prepare-t1")) == 1
    assert laptop.effects("CreateProcessingJob", f"{run}-prepare-t2") == []
    other = laptop.open_run(dataset={"name": "toy", "target": "nonsense"})
    with pytest.raises(UserFault, match=f"Run {run} failed on the same data"):
        prepare.start(laptop.services, other)


def test_a_platform_failure_makes_a_second_attempt(laptop):
    laptop.upload("unlucky", rows=80)
    run = laptop.open_run(name="unlucky", dataset={"name": "unlucky"})
    laptop.fault(fault="job_platform_failure", name=f"{run}-prepare-t1")
    status = laptop.wait(prepare.start(laptop.services, run))
    assert status.fault == "platform"
    again = prepare.start(laptop.services, run)
    assert again.job.name == f"{run}-prepare-t2"
    laptop.wait(again)
    assert prepare.collect(laptop.services, run).version == "v1.0.0"
    assert [job.attempt for job in laptop.services.ledger.get_run(run).phases["prepare"].jobs] == [1, 2]


def test_collecting_too_early_says_so(laptop):
    laptop.upload("early", rows=80)
    run = laptop.open_run(dataset={"name": "early"})
    with pytest.raises(RequestRefused, match="call start_preparation first"):
        prepare.collect(laptop.services, run)
    submission = prepare.start(laptop.services, run)
    with pytest.raises(Unavailable, match="still runs"):
        prepare.collect(laptop.services, run)
    laptop.wait(submission)


def test_a_bucket_that_is_not_allowed_is_refused(laptop):
    run = laptop.open_run(dataset={"name": "toy", "s3_uri": "s3://somebody-elses/data/"})
    with pytest.raises(RequestRefused, match="bucket 'somebody-elses' is not allowed"):
        prepare.start(laptop.services, run)


def test_another_test_dataset_is_refused_rather_than_ignored(laptop):
    run = laptop.open_run(algorithm="yolox", evaluation={"test_dataset": "other"})
    with pytest.raises(UserFault, match=r"evaluation\.test_dataset"):
        prepare.start(laptop.services, run)


def test_an_ensemble_of_versions_that_were_never_packaged_is_refused_before_anything_is_computed(laptop):
    run = laptop.open_run(name="seer", model_type="supervised_learning", algorithm="yolox",
                          deployment={"target": "sagemaker_endpoint", "ensemble": ["1.2.0"]})  # fmt: skip
    with pytest.raises(UserFault, match=r"seer has no packaged version v1\.2\.0; there are: none yet"):
        prepare.start(laptop.services, run)
    assert not [made for made in laptop.effects("CreateProcessingJob") if run in made["name"]]


def test_a_run_as_of_an_earlier_moment_reads_what_stood_then(laptop):
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    laptop.upload("history", rows=100)
    laptop.upload("history", rows=140)
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["mlops-bucket"]
    for version in laptop.services.cloud.s3.list_object_versions(Bucket="mlops-bucket", Prefix="datasets/history/")[
        "Versions"
    ]:
        key = next(one for one in bucket.keys.getlist(version["Key"]) if one.version_id == version["VersionId"])
        is_old = not version["IsLatest"]
        key.last_modified = key.last_modified.replace(year=2026, month=10 if is_old else 11, day=1)
    run = laptop.open_run(dataset={"name": "history"}, data_as_of="2026-10-15T00:00:00Z", may_deploy=False)
    laptop.wait(prepare.start(laptop.services, run))
    made = prepare.collect(laptop.services, run)
    assert sum(made.rows.values()) == 100
    assert read_json(laptop.services.cloud, "s3://mlops-bucket/datasets/history/processed/current.json") is None
    none = laptop.open_run(dataset={"name": "history"}, data_as_of="2026-09-01T00:00:00Z")
    with pytest.raises(UserFault, match=r"nothing lies at .* as of 2026-09-01"):
        prepare.start(laptop.services, none)
