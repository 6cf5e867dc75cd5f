"""Roles: who may take them, and what they may do."""

from __future__ import annotations

from typing import Any

from twin.infra.checks.looking import Account, Values, Wrong, expect, looks_at, statements

_WITHOUT_ACCOUNT = {"mlops-webhook", "mlops-rotation", "mlops-trail", "mlops-replication"}
"""Lambda, CloudTrail and S3's replication send no account along when they take a role, or do not say that they do."""


@looks_at("aws_iam_role")
def role(account: Account, values: Values) -> str:
    found = account("iam").get_role(RoleName=values["name"])["Role"]
    for each in statements(found["AssumeRolePolicyDocument"]):
        if "Condition" not in each and values["name"] not in _WITHOUT_ACCOUNT and not _is_one_role(each["Principal"]):
            raise Wrong("may be taken without a condition")
        if each["Principal"] == "*":
            raise Wrong("may be taken by everybody")
    taker = statements(found["AssumeRolePolicyDocument"])[0]["Principal"]
    return "taken by " + ", ".join(_listed(next(iter(taker.values()))))


@looks_at("aws_iam_role_policy")
def role_policy(account: Account, values: Values) -> str:
    found = account("iam").get_role_policy(RoleName=values["role"], PolicyName=values["name"])
    wide = 0
    for each in statements(found["PolicyDocument"]):
        actions, resources = _listed(each["Action"]), _listed(each["Resource"])
        if "*" in actions or any(action.endswith(":*") for action in actions):
            raise Wrong(f"{each['Sid']} allows every action")
        if "iam:PassRole" in actions and ("*" in resources or "Condition" not in each):
            raise Wrong(f"{each['Sid']} gives any role to anybody")
        if any("${" in resource for resource in resources):
            raise Wrong(f"{each['Sid']}: a name was not filled in")
        wide += "*" in resources
    return f"{len(statements(found['PolicyDocument']))} statements, {wide} that AWS cannot name resources for"


@looks_at("aws_iam_openid_connect_provider")
def github(account: Account, values: Values) -> str:
    found = account("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=values["arn"])
    expect(found["Url"].removeprefix("https://"), "token.actions.githubusercontent.com", "the issuer")
    trust: Any = account("iam").get_role(RoleName="mlops-ci")["Role"]["AssumeRolePolicyDocument"]
    subject = statements(trust)[0]["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    expect(subject, "repo:acme/perception:environment:production", "whose CI")
    return f"CI of {subject}"


def _is_one_role(principal: Any) -> bool:
    """The MCP server's role takes those of the agents, and needs nothing more said."""
    return list(principal) == ["AWS"] and ":role/" in str(principal["AWS"])


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
