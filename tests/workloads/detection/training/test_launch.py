import json
import sys

import pytest

from workloads.detection.training.launch import as_told, on_cpu, run_all, wanted


def test_one_process_is_enough_without_a_gpu(tmp_path):
    assert wanted({}, tmp_path, 8) == []
    assert wanted({"SM_NUM_GPUS": "1", "SM_HOSTS": '["algo-1"]'}, tmp_path, 8) == []


@pytest.mark.parametrize(("cores", "batch", "processes"), [(2, 8, 2), (2, 7, 1), (1, 64, 1), (16, 64, 4), (2, 0, 1)])
def test_cores_are_shared_by_processes_with_enough_pictures_each(cores, batch, processes, tmp_path):
    assert on_cpu(cores, batch) == processes
    started = wanted({"OMP_NUM_THREADS": str(cores), "SM_NUM_GPUS": "0"}, tmp_path, batch)
    assert len(started) == (processes if processes > 1 else 0)
    assert all(int(one["OMP_NUM_THREADS"]) * processes == cores for one in started)


def test_process_that_was_started_starts_no_others(tmp_path):
    assert wanted({"RANK": "1", "SM_NUM_GPUS": "4"}, tmp_path, 8) == []


def test_every_gpu_of_every_host_gets_a_rank(tmp_path):
    environment = {"SM_NUM_GPUS": "2", "SM_HOSTS": '["algo-1", "algo-2"]', "SM_CURRENT_HOST": "algo-2"}
    processes = wanted(environment, tmp_path, 8)
    assert [(one["RANK"], one["LOCAL_RANK"], one["WORLD_SIZE"]) for one in processes] == [
        ("2", "0", "4"),
        ("3", "1", "4"),
    ]
    assert {one["MASTER_ADDR"] for one in processes} == {"algo-1"}


def test_hosts_come_from_sagemakers_file_too(tmp_path):
    config = tmp_path / "input" / "config" / "resourceconfig.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-2", "algo-1"]}))
    assert [one["RANK"] for one in wanted({}, tmp_path, 8)] == ["0"]
    assert wanted({}, tmp_path, 8)[0]["WORLD_SIZE"] == "2"


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (2, 2)])
def test_exit_of_all_is_the_first_that_is_not_0(code, expected):
    """The second process would wait for ever for one that has failed."""
    program = "import os, sys, time; sys.exit(int(os.environ['CODE'])) if os.environ['RANK'] == '0' or not int("\
              "os.environ['CODE']) else time.sleep(60)"  # fmt: skip
    processes = [{"RANK": str(rank), "CODE": str(code), "WORLD_SIZE": "2"} for rank in range(2)]
    assert run_all([sys.executable, "-c", program], processes) == expected


def test_broken_connection_does_not_hide_the_mistake_that_broke_it(tmp_path):
    broken = RuntimeError("Connection closed by peer")
    assert as_told(broken, tmp_path / "failure") is broken
    (tmp_path / "failure").write_text("UserError: lower learning_rate")
    assert str(as_told(broken, tmp_path / "failure")) == "lower learning_rate"
    (tmp_path / "failure").write_text("InternalError: KeyError: 1")
    assert as_told(broken, tmp_path / "failure") is broken
