"""`prepare` as a whole: no leak, no skew, the same bytes, and refusals that help."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workloads.contract import UserError
from workloads.tabular import storage
from workloads.tabular.features import FeaturePlan

SIZES = {"train": 70, "validation": 15, "test": 15}


def mixed(rows: int = 100, seed: int = 0) -> dict[str, list]:
    """Numbers with gaps, words, true/false, an identifier, a constant; target `yes`/`no` by x."""
    random = np.random.default_rng(seed)
    x = random.normal(5, 2, rows).round(3)
    return {
        "id": [f"p{n}" for n in range(rows)],
        "x": [None if n % 17 == 3 else float(v) for n, v in enumerate(x)],
        "town": [("Nara", "Kyoto", "Osaka")[n // 17 % 3] for n in range(rows)],
        "member": ["true" if n < 51 else "false" for n in range(rows)],
        "planet": ["earth"] * rows,
        "target": ["yes" if v > 5 else "no" for v in x],
    }


def split_of(job, name):
    return storage.read_split(job.dataset / name / "data.parquet")


def test_manifest_counts_what_is_there(job):
    manifest = job.csv(mixed()).prepare()
    assert manifest["rows"] == SIZES
    assert (manifest["task"], manifest["target"], manifest["classes"]) == ("classification", "target", ["no", "yes"])
    assert manifest["features"] == 5  # x, three towns, member
    for path, entry in manifest["files"].items():
        assert (job.dataset / path).stat().st_size == entry["bytes"], path


def test_left_out_columns_say_why(job):
    job.csv(mixed()).prepare()
    assert set(job.features()["notes"]) == {"id", "planet"}
    assert job.quality()["columns"]["planet"]["used"] == "constant in the training split"


def test_same_input_gives_the_same_bytes(make_job):
    jobs = [make_job().csv(mixed()) for _ in range(2)]
    once, again = (job.prepare() for job in jobs)
    assert once == again
    files = [{str(p.relative_to(j.dataset)): p.read_bytes() for p in j.dataset.rglob("*") if p.is_file()} for j in jobs]
    assert files[0] == files[1]


def test_served_row_becomes_what_the_model_was_tested_on(job):
    """JSON in raw units through features.json gives the stored test matrix bit for bit."""
    job.spec["preprocessing"] = {"scaling": "standard", "encoding": "target", "missing": "mean"}
    job.csv(mixed()).prepare()
    plan = FeaturePlan.loads((job.dataset / "features.json").read_bytes())
    raw = pq.read_table(job.dataset / "test" / "raw.parquet").to_pylist()
    served = json.loads(json.dumps([{name: row[name] for name in plan.names} for row in raw]))
    matrix = np.concatenate([plan.apply([list(row.values())]) for row in served])
    np.testing.assert_array_equal(matrix, split_of(job, "test").features)


def test_statistics_come_from_training_rows_only(make_job):
    """A value that lies in the test split alone must not move the scaling."""
    one, other = make_job(), make_job()
    data = mixed()
    one.csv(data).prepare()
    row = int(split_of(one, "test").row_id[0])
    data["x"][row] = 1e6
    other.csv(data).prepare()
    assert row in split_of(other, "test").row_id
    assert one.features() == other.features()


def test_duplicates_leave_before_the_split(job):
    data = mixed(80)
    doubled = {name: values + values[:20] for name, values in data.items()}
    doubled["id"] = [f"p{n}" for n in range(100)]  # the identifier hides that they are the same
    manifest = job.csv(doubled).prepare()
    assert manifest["dropped"] == {"duplicates": 20}
    assert sum(manifest["rows"].values()) == 80


def test_kept_duplicates_stay_on_one_side(job):
    job.spec["preprocessing"] = {"duplicates": "keep"}
    data = mixed(80)
    manifest = job.csv({name: values + values[:20] for name, values in data.items() if name != "id"}).prepare()
    assert sum(manifest["rows"].values()) == 100
    sides = [set(split_of(job, name).row_hash.tolist()) for name in SIZES]
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_equal_features_with_other_targets_stay_on_one_side(job):
    data = {"x": [float(n) for n in range(50)] * 2, "target": ["a"] * 50 + ["b"] * 50}
    job.csv(data).prepare()
    assert not set(split_of(job, "train").row_hash) & set(split_of(job, "test").row_hash)


def test_missing_drop_leaves_whole_rows(job):
    job.spec["preprocessing"] = {"missing": "drop"}
    manifest = job.csv(mixed()).prepare()
    assert manifest["dropped"] == {"missing_values": 6}


def test_rows_without_target_are_dropped_and_counted(job):
    data = mixed()
    data["target"][:4] = [None] * 4
    assert job.csv(data).prepare()["dropped"] == {"missing_target": 4}


def test_outliers_leave_the_training_split_only(make_job):
    data = {"x": [float(n % 40) for n in range(200)], "n": list(range(200)), "target": ["a", "b"] * 100}
    far = {3: 1e6, 50: 1e6, 120: 1e6, 151: -1e6, 180: 1e6, 199: 1e6, 77: 1e6, 90: 1e6}
    for row, value in far.items():
        data["x"][row] = value
    plain, strict = make_job(), make_job()
    strict.spec["preprocessing"] = {"outliers": "iqr"}
    for each in (plain, strict):
        each.csv(data).prepare()
    in_train = len(set(far) & set(split_of(plain, "train").row_id.tolist()))
    assert 0 < in_train < len(far)
    assert strict.manifest["dropped"] == {"outliers": in_train}
    assert strict.quality()["columns"]["x"]["outliers"] == in_train
    for name in ("validation", "test"):
        np.testing.assert_array_equal(split_of(plain, name).row_id, split_of(strict, name).row_id)


def test_outlier_limit_that_empties_a_class_is_refused(job):
    job.spec["preprocessing"] = {"outliers": "zscore", "outlier_limit": 0.5}
    data = {"x": [0.0] * 100 + [float(n) for n in range(90, 100)], "n": list(range(110)),
            "target": ["common"] * 100 + ["rare"] * 10}  # fmt: skip
    with pytest.raises(
        UserError, match=r"zscore with outlier_limit 0\.5 .* empties 1 of 2 classes; raise outlier_limit"
    ):
        job.csv(data).prepare()


def test_unsupervised_run_does_not_see_the_target(job):
    job.spec["task"] = "clustering"
    job.csv(mixed()).prepare()
    plan = job.features()
    assert plan["target"] is None
    assert "target" not in [column["name"] for column in plan["columns"]]
    assert split_of(job, "train").target is None


def test_column_names_may_be_anything(job):
    data = mixed()
    data["row_id"] = data.pop("id")
    data["row_hash"] = list(range(100))
    data["f0"] = list(range(100))
    job.spec["dataset"]["target"] = "f|0 `x`"
    data["f|0 `x`"] = data["target"]
    job.csv(data).prepare()
    assert {"row_hash", "f0", "target=yes"} <= set(job.features()["outputs"])


def test_baseline_describes_training_rows_in_raw_units(job):
    job.csv(mixed()).prepare()
    baseline = json.loads((job.dataset / "baseline.json").read_text())
    assert baseline["rows"] == 70
    assert set(baseline["columns"]) == {"x", "town", "member"}
    assert sum(baseline["columns"]["x"]["histogram"]["counts"]) + baseline["columns"]["x"]["missing"] == 70
    assert sum(baseline["target"]["categories"].values()) == 70
    sample = pq.read_table(job.dataset / "baseline" / "sample.parquet")
    assert sample.column_names == ["x", "town", "member", "target"]
    assert sample.num_rows == 70


def test_quality_report_counts_gaps_and_classes(job):
    job.csv(mixed()).prepare()
    report = job.quality()
    assert report["columns"]["x"]["missing"] == 6
    assert {split: sum(shares.values()) for split, shares in report["class_rows"].items()} == SIZES
    page = (job.dataset / "quality_report.md").read_text()
    assert "100 rows read, 0 dropped, 5 features used; task classification, target `target`." in page


def test_markup_in_names_stays_text_in_the_report(job):
    data = mixed()
    data["<img src=x>|a`b"] = list(range(100))
    job.csv(data).prepare()
    page = (job.dataset / "quality_report.md").read_text()
    assert "`<img src=x>\\|a'b`" in page


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"x": [], "target": []}, "column names but no rows"),
        ({"target": ["a", "b"] * 10}, "no column beside the target 'target'"),
        ({"x": [1, 2, 3] * 2, "target": ["a", "b"] * 3}, "3 distinct rows after cleaning .* at least 10"),
        ({"x": [None] * 20, "target": ["a", "b"] * 10}, "no column can serve as a feature \\(x: no values\\)"),
        (
            {"x": ["1e31", *range(19)], "target": ["a", "b"] * 10},
            "'x' holds 1e\\+31; at most 1e\\+30 can be learnt from",
        ),
        ({"x": [1] * 20, "target": ["a", "b"] * 10}, "1 distinct rows after cleaning"),
    ],
    ids=["empty", "target-only", "six-rows", "no-values", "huge", "all-equal"],
)
def test_data_that_cannot_become_a_dataset_is_refused(job, data, words):
    with pytest.raises(UserError, match=words):
        job.csv(data).prepare()


def test_bundled_metadata_decide_target_and_class_order(job):
    manifest = job.bundled("breast_cancer").prepare()
    assert (manifest["target"], manifest["classes"]) == ("diagnosis", ["malignant", "benign"])
    assert sum(manifest["rows"].values()) == 569


def test_diabetes_is_regression(job):
    manifest = job.bundled("diabetes").prepare()
    assert (manifest["task"], manifest["classes"]) == ("regression", [])
    assert split_of(job, "test").target.dtype == np.float64


CELLS = {
    "number": st.floats(-1e6, 1e6).map(repr),
    "whole": st.integers(0, 3).map(str),
    "word": st.sampled_from(["a", "b", "é", "<x>", 'q"uote', "new\nline", "a,b"]),
    "boolean": st.sampled_from(["true", "False"]),
    "mixture": st.sampled_from(["1", "x", "1e400", "-inf", "0x10", "", "NA"]),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_table_becomes_a_sealed_dataset_or_a_refusal(make_job, data):
    """Never another error; and no test row among those a model may see."""
    job = make_job()
    rows = data.draw(st.sampled_from([1, 12, 40]))
    kinds = data.draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
    columns = {f"c{place}": data.draw(st.lists(CELLS[kind], min_size=rows, max_size=rows))
               for place, kind in enumerate([*kinds, "number"])}  # fmt: skip
    columns["target"] = columns.pop("c0")
    job.spec["preprocessing"] = data.draw(st.fixed_dictionaries({
        "missing": st.sampled_from(["drop", "mean", "median", "mode"]), "outliers": st.sampled_from(["none", "iqr"]),
        "encoding": st.sampled_from(["one_hot", "label", "target"]), "duplicates": st.sampled_from(["drop", "keep"]),
        "scaling": st.sampled_from(["none", "standard", "minmax"]),
    }))  # fmt: skip
    try:
        job.csv(columns).prepare()
    except UserError:
        return
    splits = {name: split_of(job, name) for name in SIZES}
    assert all(np.isfinite(split.features).all() and len(split.features) for split in splits.values())
    seen = set(splits["train"].row_hash.tolist()) | set(splits["validation"].row_hash.tolist())
    assert not seen & set(splits["test"].row_hash.tolist())
