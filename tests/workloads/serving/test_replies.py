"""The form of an answer per task."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workloads.serving import replies

CASES = [
    ("classification", ("no", "yes"), [[[0.25, 0.75]]],
     {"label": "yes", "probabilities": {"no": 0.25, "yes": 0.75}},
     "label,probability_no,probability_yes\nyes,0.25,0.75\n"),
    ("regression", (), [[1.5]], {"value": 1.5}, "value\n1.5\n"),
    ("clustering", (), [[1], [0.5]], {"cluster": 1, "distance": 0.5}, "cluster,distance\n1,0.5\n"),
    ("dimensionality_reduction", (), [[[1.0, -2.0]]], {"components": [1.0, -2.0]},
     "component_1,component_2\n1.0,-2.0\n"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "classes", "outputs", "in_json", "in_csv"), CASES, ids=[case[0] for case in CASES])
def test_answer_in_json_and_csv(task, classes, outputs, in_json, in_csv):
    arrays = [np.array(values, dtype=np.int64 if values == [1] else np.float32) for values in outputs]
    predictions = replies.replier(task, classes)(*arrays)
    assert json.loads(replies.as_json(predictions, "1")) == {"predictions": [in_json], "model_version": "1"}
    assert replies.as_csv(predictions).decode() == in_csv


def test_numbers_have_the_digits_of_float32():
    predictions = replies.replier("regression", ())(np.array([0.3], dtype=np.float32))
    assert b'{"value":0.3}' in replies.as_json(predictions, "1")


def test_label_with_a_comma_is_quoted_in_csv():
    predictions = replies.replier("classification", ("a,b", "c"))(np.array([[0.75, 0.25]], dtype=np.float32))
    assert replies.as_csv(predictions).decode() == 'label,"probability_a,b",probability_c\n"a,b",0.75,0.25\n'


def test_unknown_task_has_no_answer():
    with pytest.raises(ValueError, match="'dreaming'"):
        replies.replier("dreaming", ())
