"""What the table may not say, and that Terraform's files are the table's."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

import pytest

from mcp_bridge.agents import AGENTS
from mlops.actions import DEPLOYER
from twin.infra.permissions.page import PAGE, page
from twin.infra.permissions.reference import load
from twin.infra.permissions.render import ROLES, differences
from twin.infra.permissions.table import EVERYTHING
from twin.layout import PROJECT

ROLE_NAME = r"arn:\$\{partition\}:iam::\$\{account\}:role/\$\{name\}-[a-z-]+"
REFERENCE = load()["actions"]
GRANTS = [(role, grant) for role in ROLES for grant in role.grants]
each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def known(action: str) -> list[str]:
    return [name for name in REFERENCE if fnmatchcase(name, action)]


def must_be_named(action: str) -> bool:
    return any(REFERENCE[action]["resources"].values())


def test_terraforms_files_are_those_of_the_table():
    assert differences() == [], "run `python -m twin.infra.permissions render`"


def test_page_for_people_is_that_of_the_table():
    assert PAGE.read_text() == page(ROLES), "run `python -m twin.infra.permissions render`"


def test_every_agent_has_a_role_of_its_own():
    assert {f"agent-{agent}" for agent in AGENTS} == {role.name for role in ROLES if role.name.startswith("agent-")}


def test_comments_change_endpoints_as_an_agent_that_there_is():
    assert DEPLOYER in AGENTS


def test_every_role_of_terraform_has_its_line_and_no_other_has():
    text = "".join((PROJECT / "terraform" / f"{name}.tf").read_text() for name in ("iam", "github_oidc", "grafana"))
    services = set(re.findall(r"^    ([a-z-]+) += \[\"[a-z0-9.-]+amazonaws", text, re.MULTILINE))
    others = set(re.findall(r"policies/([a-z-]+)\.json\"", text))
    assert services | others == {role.name for role in ROLES if not role.name.startswith("agent-")}


@each_role
def test_actions_exist_in_awss_reference(role):
    assert not [action for grant in role.grants for action in grant.actions if not known(action)]


@each_role
def test_everything_is_granted_only_where_aws_names_no_resource(role):
    wide = [grant for grant in role.grants if EVERYTHING in grant.on]
    nameable = [name for grant in wide for action in grant.actions for name in known(action) if must_be_named(name)]
    assert not nameable, "name their resources"


@each_role
def test_names_are_given_only_where_aws_looks_at_them(role):
    """A statement that names resources for an action without any allows nothing at all."""
    named = [grant for grant in role.grants if EVERYTHING not in grant.on]
    assert not [
        a for grant in named for action in grant.actions for a in known(action) if not REFERENCE[a]["resources"]
    ]


@each_role
def test_no_action_is_a_whole_service(role):
    actions = [action for grant in role.grants for action in grant.actions]
    assert not [action for action in actions if action.endswith(":*") or action == "*"]


def test_roles_are_passed_by_name_to_one_service():
    passing = [grant for _, grant in GRANTS if "iam:PassRole" in grant.actions]
    assert passing
    for grant in passing:
        assert grant.actions == ("iam:PassRole",)
        assert all(re.fullmatch(ROLE_NAME, on) for on in grant.on)
        assert isinstance(grant.when["StringEquals"]["iam:PassedToService"], str)


def test_jobs_may_pass_no_role_and_assume_none():
    """What runs somebody's model must not be able to become somebody else."""
    jobs = next(role for role in ROLES if role.name == "jobs")
    assert not [action for grant in jobs.grants for action in grant.actions if action.startswith(("iam:", "sts:"))]


def test_judge_changes_nothing():
    judge = next(role for role in ROLES if role.name == "agent-judge")
    levels = {REFERENCE[name]["level"] for grant in judge.grants for action in grant.actions for name in known(action)}
    # AWS counts kms:Decrypt as a write.
    assert levels - {"Read", "List"} <= {"Write"}
    assert {a for g in judge.grants for a in g.actions if REFERENCE[a]["level"] == "Write"} == {"kms:Decrypt"}


@each_role
def test_statements_have_a_reason_and_a_name_of_their_own_and_fit_into_a_role(role):
    sids = [grant.sid for grant in role.grants]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", sid) for sid in sids)
    assert all(grant.why.endswith(".") for grant in role.grants)
    # IAM: inline policies of a role have 10,240 characters together, blanks not counted.
    assert len(re.sub(r"\s", "", json.dumps(role.policy()))) < 10_240
