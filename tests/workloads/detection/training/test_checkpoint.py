import pytest
import torch

from workloads.detection.training.checkpoint import KEPT, Checkpoints


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path, "this training")


def state(number):
    return {"weights": torch.full((3,), float(number)), "progress": {"epoch": number, "history": [{"a": 1.5}]}}


def test_nothing_there_is_none(checkpoints):
    assert checkpoints.load() is None


def test_newest_comes_back_and_two_are_kept(checkpoints):
    for number in (1, 2, 10):
        checkpoints.save(state(number), number)
    assert len(checkpoints.newest_first()) == KEPT == 2
    loaded = checkpoints.load()
    assert loaded["progress"] == state(10)["progress"]
    torch.testing.assert_close(loaded["weights"], state(10)["weights"])


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:100] + b"x" + b[101:], lambda b: b""],
                         ids=["truncated", "one-byte", "empty"])  # fmt: skip
def test_damaged_newest_falls_back_to_the_one_before(checkpoints, damage, capsys):
    checkpoints.save(state(1), 1)
    newest = checkpoints.save(state(2), 2)
    newest.write_bytes(damage(newest.read_bytes()))
    assert checkpoints.load()["progress"]["epoch"] == 1
    assert newest.name in capsys.readouterr().err


def test_half_written_file_is_no_checkpoint(checkpoints, tmp_path):
    checkpoints.save(state(1), 1)
    (tmp_path / ".00000000.part").write_bytes(b"half")
    assert checkpoints.load()["progress"]["epoch"] == 1


def test_state_of_another_training_is_left_alone(checkpoints, tmp_path):
    other = Checkpoints(tmp_path, "another")
    other.save(state(9), 9)
    assert checkpoints.load() is None
    for number in range(3):
        checkpoints.save(state(number), number)
    assert other.load()["progress"]["epoch"] == 9
