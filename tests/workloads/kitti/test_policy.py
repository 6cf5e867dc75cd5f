"""Class policies: refused where they make no sense, reported in full."""

from __future__ import annotations

import pytest

from workloads.contract import UserError
from workloads.kitti.policy import ClassPolicy, Use


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ()}, "name at least one"),
        ({"classes": ("Car", "car")}, "named twice"),
        ({"classes": ("Car", "DontCare")}, "cannot be a class"),
        ({"similar": "keep"}, "ignore, merge or drop"),
        ({"dont_care": "merge"}, "ignore or drop"),
    ],
)
def test_senseless_policy_is_refused(settings, words):
    with pytest.raises(UserError, match=words):
        ClassPolicy(**settings)


def test_neighbours_follow_their_class_whatever_the_case():
    policy = ClassPolicy(("cyclist", "PEDESTRIAN"))
    assert policy.of("Person_sitting") == (Use.IGNORE, 2)
    assert policy.of("Van") == (Use.LEFT_OUT, 0)
    assert policy.of("Cyclist") == (Use.OBJECT, 1)


def test_report_tells_every_type_with_its_boxes():
    types = ClassPolicy().report({"Car": 5, "Van": 9, "Tram": 1})["types"]
    assert [(word, one["boxes"], one["use"], one["as"]) for word, one in types.items()] == [
        ("Van", 9, "ignore", "Car"), ("Car", 5, "object", "Car"), ("Tram", 1, "left_out", None)
    ]  # fmt: skip
