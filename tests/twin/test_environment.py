"""What the running system publishes for people, and what it must not."""

from __future__ import annotations

import json
import shlex

from twin import environment
from twin.layout import Layout


def _read(path):
    lines = [line.removeprefix("export ") for line in path.read_text().splitlines() if line.startswith("export ")]
    return {name: shlex.split(value)[0] if value else "" for name, _, value in (line.partition("=") for line in lines)}


def test_the_env_file_names_every_address_and_login(tmp_path):
    layout = Layout.create(tmp_path, {})
    environment.write_env_file(layout, {"operator": "a.b.c"})
    published = _read(layout.env_file)
    for name in (
        "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "GITHUB_API_URL",
        "GITHUB_REPOSITORY", "GITHUB_TOKEN", "AIRFLOW_API_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD", "MCP_URL",
        "MLFLOW_TRACKING_URI",
    ):  # fmt: skip
        assert published[name], name
    assert environment.operator_token(layout) == "a.b.c"


def test_services_do_not_get_a_persons_github_token(tmp_path):
    layout = Layout.create(tmp_path, {})
    assert environment.USER_TOKEN not in str(environment.for_airflow(layout, {"operator": "o", "training": "t"}))


def test_the_operators_token_is_no_part_of_airflows_connection(tmp_path):
    layout = Layout.create(tmp_path, {})
    connection = environment.connection_to_the_bridge(layout, {"operator": "secret-o", "training": "t"})
    assert connection["extra"]["tokens"] == {"training": "t"}


def test_no_secrets_value_lies_in_the_environment_of_a_service(tmp_path):
    layout = Layout.create(tmp_path, {})
    values = [
        layout.github_token, layout.github_webhook_secret, layout.slack_hook, layout.smtp_password,
        layout.pagerduty_key, layout.mcp_signing_key, "agents-token",
    ]  # fmt: skip
    tokens = {"training": "agents-token", "operator": "o"}
    for variables in (environment.for_airflow(layout, tokens), environment.for_services(layout, tokens)):
        assert [value for value in values if value in str(variables)] == []


def test_the_policy_file_can_be_another(tmp_path, monkeypatch):
    layout = Layout.create(tmp_path, {})
    monkeypatch.delenv("MLOPS_POLICY_FILE", raising=False)
    assert environment.for_services(layout, {})["MLOPS_POLICY_FILE"].endswith("dags/policy.yaml")
    monkeypatch.setenv("MLOPS_POLICY_FILE", str(tmp_path / "mine.yaml"))
    assert environment.for_services(layout, {})["MLOPS_POLICY_FILE"] == str(tmp_path / "mine.yaml")


def test_names_come_from_terraform_where_it_made_the_account(tmp_path):
    layout = Layout.create(tmp_path, {"INFRA": "1"})
    file = environment.terraform_settings_file(layout)
    file.parent.mkdir()
    file.write_text(json.dumps({"MLOPS_BUCKET": "vision-bucket", "MLOPS_MWAA_ENVIRONMENT": "vision-airflow"}))
    services = environment.for_services(layout, {})
    assert services["MLOPS_BUCKET"] == "vision-bucket"
    assert "MLOPS_MWAA_ENVIRONMENT" not in services  # Airflow is reached by its own address here.


def test_names_are_the_seeds_otherwise(tmp_path):
    assert environment.made_by_terraform(Layout.create(tmp_path, {})) == {}
