import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlops.spec import canonical, dag_params, issue_form, json_schema, parse_issue
from mlops.spec.__main__ import main
from mlops.spec.reference import reference_page

GOOD = "model_type: supervised_learning\nalgorithm: xgboost\ndataset: {name: wine, classes: [0o17, on]}\n"
BAD = GOOD + "epochs: 3\nrole_arn: x\n"


@pytest.fixture
def run(capfdbinary):
    def call(*arguments: str) -> tuple[int, str]:
        status = main(arguments)
        return status, capfdbinary.readouterr().out.decode()

    return call


@pytest.fixture
def issue(tmp_path):
    def write(content: str | bytes) -> str:
        path = tmp_path / "issue.md"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def test_a_good_issue_prints_its_canonical_spec_as_yaml_that_reads_back(run, issue):
    status, printed = run("check", issue(GOOD))
    assert status == 0
    assert parse_issue(printed) == parse_issue(GOOD)


def test_a_good_issue_prints_its_canonical_spec_as_json(run, issue):
    status, printed = run("check", issue(GOOD), "--json")
    assert (status, json.loads(printed)) == (0, canonical(parse_issue(GOOD)))


def test_a_bad_issue_prints_every_problem(run, issue):
    status, printed = run("check", "--json", issue(BAD))
    assert status == 1
    assert [(p["line"], p["field"], p["code"]) for p in json.loads(printed)] == [
        (4, "epochs", "unknown_field"),
        (5, "role_arn", "not_from_an_issue"),
    ]
    assert all(set(p) == {"line", "field", "code", "message", "remedy"} for p in json.loads(printed))


def test_problems_are_readable_lines(run, issue):
    status, printed = run("check", issue(BAD))
    assert status == 1
    assert printed.splitlines()[1].startswith("line 5: role_arn: is decided by the deployment")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x01\x02", b"\xff\xfe", "日本".encode("utf-16"), b"a" * 400_000, "あ".encode() * 100_000, b"\r\n" * 9],
    ids=["empty", "binary", "bytes", "UTF-16", "long", "long, cut in a character", "blank"],
)
@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["lines", "json"])
def test_no_content_makes_another_exit(run, issue, content, flags):
    status, printed = run("check", issue(content), *flags)
    assert status == 1
    assert printed if not flags else json.loads(printed)


@pytest.mark.parametrize(
    "arguments",
    [(), ("check",), ("check", "a", "b"), ("check", "--nope", "a"), ("nope",), ("check", "/"), ("check", "/no/file"),
     ("check", "a\0b"), ("check", "\ud800")],
)  # fmt: skip
def test_no_call_makes_another_exit(run, arguments):
    status, printed = run(*arguments)
    assert status == 1
    assert printed
    status, printed = run(*arguments, "--json")
    assert status == 1
    assert json.loads(printed)[0]["message"]


def test_the_policy_of_the_deployment_holds(run, issue, monkeypatch):
    monkeypatch.setenv("MLOPS_DATA_BUCKETS", "ours")
    body = "model_type: supervised_learning\nalgorithm: rf\ndataset: {name: a, s3_uri: s3://mlops-datasets/x/}\n"
    assert "must lie in ours" in run("check", issue(body))[1]


def test_a_broken_setting_is_a_problem(run, issue, monkeypatch):
    monkeypatch.setenv("MLOPS_MAX_RETRAININGS", "many")
    assert run("check", issue(GOOD))[0] == 1


def test_standard_input_is_read_in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, "-m", "mlops.spec", "check", "-", "--json"],
        input=("はい\n\n" + BAD).encode(), capture_output=True, cwd=Path(__file__).parents[3], timeout=60,
        env={"LC_ALL": "C", "PATH": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")
    assert [problem["line"] for problem in json.loads(done.stdout)] == [6, 7]


def test_everything_derived_is_printed(run):
    assert json.loads(run("schema")[1]) == json_schema()
    assert json.loads(run("params")[1]) == dag_params()
    assert run("form") == (0, issue_form())
    assert run("docs") == (0, reference_page())
    assert yaml.safe_load(run("form")[1])["name"]
