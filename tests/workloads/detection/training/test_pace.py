import json

from workloads.detection.training import pace


def test_line_every_few_seconds_tells_speed_and_what_is_left(monkeypatch, capsys):
    """Two steps a second of eight pictures, the fourth of ten steps in the second of three epochs."""
    clock = iter([100.0, 100.5, 112.0, 115.0])
    monkeypatch.setattr(pace.time, "monotonic", lambda: next(clock))
    spoken = pace.Pace(2, 3, 28, begun_at=0, batch_size=8, speaks=True)
    spoken.step(1, 5.0)
    spoken.step(24, 4.0)
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["epoch"], line["step"], line["loss"]) == ("2/3", "24/28", 4.0)
    assert (line["images_per_second"], line["epoch_seconds_left"], line["seconds_left"]) == (16.0, 2, 16)
    assert spoken.end(28) == 28 * 8 / 15


def test_processes_but_the_first_are_silent(monkeypatch, capsys):
    clock = iter([0.0, 100.0])
    monkeypatch.setattr(pace.time, "monotonic", lambda: next(clock))
    pace.Pace(1, 1, 10, begun_at=0, batch_size=8, speaks=False).step(5, 1.0)
    assert capsys.readouterr().err == ""
