"""The /opt/ml tree, as a process sees it and as a container would."""

from __future__ import annotations

import stat
import sys

import pytest
from aws_requests import OPTIONS, client, finished, training_job

from twin.aws.options import Options
from twin.aws.sandbox import Sandbox, UnknownImage, image_name
from twin.aws.server import start


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/mlops-training:1", "mlops-training"),
        ("mlops-training@sha256:abc", "mlops-training"),
        ("localhost:5000/team/mlops-training:1.2", "mlops-training"),
        ("mlops-training", "mlops-training"),
    ],
)
def test_image_is_known_by_the_last_part_of_its_name(image, name):
    assert image_name(image) == name


def test_paths_in_arguments_and_variables_move_to_the_tree(tmp_path):
    sandbox = Sandbox.create(Options(images={"job": ["run"]}), tmp_path / "ml", "x")
    argv, environment = sandbox.command(
        "job:1", {"A": "/opt/ml/model", "B": "x=/opt/ml:y", "C": "/other/opt/ml"}, arguments=["--out", "/opt/ml/output"]
    )
    base = str(tmp_path / "ml")
    assert argv == ["run", "--out", f"{base}/output"]
    assert (environment["A"], environment["B"], environment["C"]) == (f"{base}/model", f"x={base}:y", "/other/opt/ml")
    assert environment["SAGEMAKER_BASE_DIR"] == base


def test_variables_of_the_twin_do_not_leak_into_jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    _, environment = Sandbox.create(Options(images={"job": ["run"]}), tmp_path / "ml", "x").command("job", {})
    assert "GITHUB_TOKEN" not in environment
    assert "PATH" in environment


def test_entry_point_of_the_request_replaces_that_of_the_image(tmp_path):
    sandbox = Sandbox.create(Options(images={}), tmp_path / "ml", "x")
    argv, _ = sandbox.command("any:1", {}, entrypoint=["python3", "-m", "m"], arguments=["a"])
    assert argv == [sys.executable, "-m", "m", "a"]
    with pytest.raises(UnknownImage):
        sandbox.command("any:1", {})


@pytest.mark.parametrize("path", ["/etc/passwd", "/opt/mlx", "/opt/ml/../../etc"])
def test_paths_outside_are_refused(tmp_path, path):
    with pytest.raises(ValueError, match="/opt/ml"):
        Sandbox.create(Options(images={}), tmp_path / "ml", "x").local(path)


ENGINE = """#!{python}
import os, subprocess, sys
args = sys.argv[1:]
if args[0] in ('kill', 'rm'): sys.exit(0)
if args[0] == 'image': sys.exit(0 if args[-1].endswith('/python:1') else 1)
assert args[0] == 'run', args
env, base = {{'PATH': os.environ['PATH']}}, None
while args:
    word = args.pop(0)
    if word == '-v': base = args.pop(0).partition(':')[0]
    elif word == '-e': env.update([args.pop(0).split('=', 1)])
    elif word.endswith('/python:1'): break
code = env['CODE'].replace('/opt/ml', base)
sys.exit(subprocess.run([{python!r}, '-c', code, *args], env=env).returncode)
"""


@pytest.fixture
def contained(tmp_path):
    """The engine here is a script that understands the command line of podman and docker; there is no image.

    tests/twin/images tries real ones.
    """
    engine = tmp_path / "engine"
    engine.write_text(ENGINE.format(python=sys.executable))
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    return Options(**{**OPTIONS, "jobs": "container", "container_engine": str(engine)})


def test_job_owns_its_whole_tree_and_a_server_only_reads_its_model(contained, tmp_path):
    image = "registry/python:1"
    sandbox = Sandbox.create(contained, tmp_path / "ml", "x")
    (sandbox.local("/opt/ml/model") / "model.onnx").touch(mode=0o600)
    job, _ = sandbox.command(image, {}, default=["train"])
    assert (f"{tmp_path}/ml:/opt/ml:rw" in job, "--user" in job, job[-1]) == (True, True, "train")
    server, _ = sandbox.command(image, {}, default=["serve"])
    assert (f"{tmp_path}/ml/model:/opt/ml/model:ro" in server, "--user" in server) == (True, False)
    assert (sandbox.local("/opt/ml/model") / "model.onnx").stat().st_mode & 0o777 == 0o644


def test_image_that_the_engine_lacks_is_unknown(contained, tmp_path):
    with pytest.raises(UnknownImage, match="registry/other:1"):
        Sandbox.create(contained, tmp_path / "ml", "x").command("registry/other:1", {}, default=["train"])


def test_two_trees_of_one_name_are_two_containers(contained, tmp_path):
    names = {Sandbox.create(contained, tmp_path / folder, "x").name for folder in ("a", "b")}
    assert len(names) == 2


def test_container_mode_runs_the_image_with_the_engine(contained, tmp_path):
    with start(state_dir=tmp_path / "state", options=contained) as server:
        client(server, "s3").create_bucket(Bucket="bucket")
        code = "import sys; open('/opt/ml/model/said', 'w').write(sys.argv[1])"
        client(server, "sagemaker").create_training_job(**training_job("contained", code))
        job = finished(client(server, "sagemaker"), "contained")
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        assert client(server, "s3").head_object(Bucket="bucket", Key="out/contained/output/model.tar.gz")
