"""A person asks a served detector from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workloads.images.codec import decode, encode_png
from workloads.serving.__main__ import main


@pytest.fixture
def ask_by_hand(eye, tmp_path):
    """A function (image or bytes, options) -> exit code, against the server of the red square."""

    def call(image, *options, url=f"http://127.0.0.1:{eye.port}"):
        path = tmp_path / "road.png"
        path.write_bytes(image if isinstance(image, bytes) else encode_png(image))
        return main(["predict", str(path), "--url", url, *options])

    return call


def test_boxes_are_listed(ask_by_hand, make, capsys):
    assert ask_by_hand(make.road()) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("version 1.2.3, ")
    assert second.split() == ["Car", "0.800", "20.0", "10.0", "36.0", "26.0"]


def test_wishes_are_sent_and_doubts_told(ask_by_hand, make, capsys):
    assert ask_by_hand(make.road(), "--wishes", "uncertainty=tta") == 0
    assert "seen 1.00" in capsys.readouterr().out
    assert ask_by_hand(make.road(), "--wishes", "score=0.9") == 0
    assert "nothing found" in capsys.readouterr().out


def test_answer_is_printed_as_it_is(ask_by_hand, make, capsys):
    assert ask_by_hand(make.road(), "--json") == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["detections"][0]["class"] == "Car"


def test_boxes_are_drawn(ask_by_hand, make, tmp_path):
    image = make.road()
    assert ask_by_hand(image, "--draw", str(tmp_path / "out.png")) == 0
    drawn = decode((tmp_path / "out.png").read_bytes())
    assert drawn.shape == image.shape
    assert not np.array_equal(drawn, image)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"no image", {}, "400 broken_image: the image: no JPEG or PNG"),
        (b"", {"url": "ftp://x"}, "'ftp://x' is no http:// or https:// address"),
        (b"", {"url": "http://127.0.0.1:1"}, "http://127.0.0.1:1/invocations gives no answer: "),
    ],
)
def test_refusal_is_one_line_and_exit_2(ask_by_hand, capsys, content, options, words):
    assert ask_by_hand(content, **options) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_wish_in_any_script_reaches_the_server(ask_by_hand, make, capsys):
    assert ask_by_hand(make.road(), "--wishes", "classes=歩行者") == 2
    assert "classes: '歩行者' is unknown to this model" in capsys.readouterr().err


def test_picture_is_drawn_as_png_or_jpeg_alone(ask_by_hand, make, tmp_path, capsys):
    assert ask_by_hand(make.road(), "--draw", str(tmp_path / "out.gif")) == 2
    assert "ends with none of .png, .jpg, .jpeg" in capsys.readouterr().err
    assert not (tmp_path / "out.gif").exists()


def test_missing_image_is_told(capsys, tmp_path):
    assert main(["predict", str(tmp_path / "none.png"), "--url", "http://127.0.0.1:1"]) == 2
    assert "none.png: No such file" in capsys.readouterr().err


def test_fallback_is_exit_1(ask_by_hand, make, capsys):
    """Dropout of nine in ten features: the looks do not agree."""
    wishes = "uncertainty=mc_dropout;dropout=0.9;samples=50;min_agreement=0.9"
    assert ask_by_hand(make.road(), "--wishes", wishes) == 1
    assert "FALLBACK, uncertain: the looks agree by" in capsys.readouterr().out
