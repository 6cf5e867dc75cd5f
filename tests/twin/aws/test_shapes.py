"""Values held against botocore's shapes."""

from __future__ import annotations

import pytest

from twin.aws.shapes import check_request, check_response, operation, problems, service
from twin.aws.wire import AwsError


@pytest.mark.parametrize("name", ["training job with umlaut \u00e4", "a" * 256, ""])
def test_patterns_with_unicode_classes_are_checked_where_python_can(name):
    shape = service().shape_for("TagValue")
    assert list(problems(shape, name)) == []


def test_tag_value_with_a_forbidden_character_is_found():
    assert list(problems(service().shape_for("TagValue"), "a!b", "value"))


def test_place_of_a_nested_mistake_is_named():
    shape = operation("sagemaker", "AddTags").input_shape
    request = {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "Tags": [{"Key": "", "Value": 1}]}
    assert list(problems(shape, request)) == [
        "Value '' at 'tags.1.member.key' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
        "Value '1' at 'tags.1.member.value' failed to satisfy constraint: Member must be of type string",
    ]


def test_request_that_is_no_object_is_a_serialization_error():
    with pytest.raises(AwsError, match="SerializationException"):
        check_request("sagemaker", "ListModels", [])


def test_answer_of_ours_that_breaks_the_model_is_a_defect():
    with pytest.raises(AwsError, match="ResponseBreaksModel"):
        check_response("sagemaker", "CreateModel", {"Arn": "x"})


@pytest.mark.parametrize("name", sorted(service().shape_names)[::40])
def test_no_pattern_of_the_model_breaks_the_checker(name):
    shape = service().shape_for(name)
    if shape.type_name == "string":
        list(problems(shape, "probe"))
