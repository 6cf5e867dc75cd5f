"""The decision, case by case, as AWS's user guide says it."""

from __future__ import annotations

import pytest

from twin.infra.permissions.evaluate import UnknownCondition, allowed_by, resource_matches

BUCKET = "arn:aws:s3:::data"
ROLE = "arn:aws:iam::1:role/jobs"


def allow(action: str, resource: str, **more: object) -> dict:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_what_no_statement_allows_is_denied():
    assert allowed_by([allow("s3:GetObject", f"{BUCKET}/*")], "s3:PutObject", f"{BUCKET}/a", {}) is None
    assert allowed_by([], "s3:PutObject", f"{BUCKET}/a", {}) is None


def test_an_object_is_not_its_bucket():
    assert allowed_by([allow("s3:*", BUCKET)], "s3:GetObject", f"{BUCKET}/a", {}) is None


def test_a_deny_wins_over_every_allow():
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": f"{BUCKET}/secret/*"}
    statements = [allow("s3:GetObject", f"{BUCKET}/*"), deny]
    assert allowed_by(statements, "s3:GetObject", f"{BUCKET}/open", {})
    assert allowed_by(statements, "s3:GetObject", f"{BUCKET}/secret/a", {}) is None


def test_actions_ignore_case_and_resources_do_not():
    assert allowed_by([allow("S3:getobject", f"{BUCKET}/A")], "s3:GetObject", f"{BUCKET}/A", {})
    assert allowed_by([allow("s3:GetObject", f"{BUCKET}/A")], "s3:GetObject", f"{BUCKET}/a", {}) is None


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("*", ROLE, True),
        ("arn:aws:sqs:*:1:queue", "arn:aws:sqs:us-east-1:1:queue", True),
        ("arn:aws:sqs:*:queue", "arn:aws:sqs:us-east-1:1:queue", False),
        ("arn:aws:s3:::data/*", "arn:aws:s3:::data/a/b:c", True),
        ("arn:aws:s3:::data/?", "arn:aws:s3:::data/ab", False),
        ("arn:aws:s3:::data/[ab]", "arn:aws:s3:::data/a", False),
        (ROLE, f"{ROLE}-more", False),
    ],
)
def test_wildcards_match_within_a_part(pattern, resource, matches):
    """A wildcard before the resource's own part reaches over no colon; a bracket is no pattern."""
    assert resource_matches(pattern, resource) is matches


def test_role_is_passed_to_the_service_that_the_condition_names_only():
    passed = allow("iam:PassRole", ROLE, Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})
    assert allowed_by([passed], "iam:PassRole", ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    assert allowed_by([passed], "iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}) is None
    assert allowed_by([passed], "iam:PassRole", ROLE, {}) is None, "a key that is not sent matches nothing"


def test_every_key_of_a_condition_must_match_and_any_of_its_values():
    both = {"StringEquals": {"a:x": ["1", "2"], "a:y": "3"}, "Bool": {"a:z": "true"}}
    statement = allow("s3:GetObject", "*", Condition=both)
    assert allowed_by([statement], "s3:GetObject", BUCKET, {"a:x": "2", "a:y": "3", "a:z": "true"})
    assert allowed_by([statement], "s3:GetObject", BUCKET, {"a:x": "2", "a:y": "4", "a:z": "true"}) is None


def test_operator_that_is_not_evaluated_is_no_silent_yes():
    statement = allow("s3:GetObject", "*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    with pytest.raises(UnknownCondition, match="IpAddress"):
        allowed_by([statement], "s3:GetObject", BUCKET, {"aws:SourceIp": "10.0.0.1"})
