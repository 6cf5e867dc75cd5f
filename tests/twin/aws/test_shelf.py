"""Services that only remember: each answer is what the service model promises, each resource goes away again."""

from __future__ import annotations

import json

import pytest
from aws_requests import client, wait_for
from botocore.exceptions import ClientError


def test_airflow_environment_becomes_available_and_is_gone_after_its_delete(server):
    mwaa = client(server, "mwaa")
    arn = mwaa.create_environment(
        Name="e", DagS3Path="dags/", ExecutionRoleArn="arn:aws:iam::123456789012:role/mlops-airflow",
        SourceBucketArn="arn:aws:s3:::b", NetworkConfiguration={"SubnetIds": ["subnet-1", "subnet-2"]},
        LoggingConfiguration={"TaskLogs": {"Enabled": True, "LogLevel": "INFO"}}, Tags={"a": "b"},
    )["Arn"]  # fmt: skip
    found = wait_for(lambda: (e := mwaa.get_environment(Name="e")["Environment"])["Status"] == "AVAILABLE" and e)
    assert found["LoggingConfiguration"]["TaskLogs"]["CloudWatchLogGroupArn"].endswith("log-group:airflow-e-Task")
    assert not found["LoggingConfiguration"]["WorkerLogs"]["Enabled"]
    assert mwaa.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"a": "b"}
    assert mwaa.list_environments()["Environments"] == ["e"]
    mwaa.delete_environment(Name="e")
    with pytest.raises(mwaa.exceptions.ResourceNotFoundException):
        mwaa.get_environment(Name="e")


def test_airflow_environment_wants_two_subnets(server):
    with pytest.raises(ClientError, match=r"networkConfiguration\.subnetIds"):
        client(server, "mwaa", parameter_validation=False).create_environment(
            Name="one", DagS3Path="dags/", ExecutionRoleArn="arn:aws:iam::123456789012:role/r",
            SourceBucketArn="arn:aws:s3:::b", NetworkConfiguration={"SubnetIds": ["subnet-1"]},
        )  # fmt: skip


def test_sampling_rule_and_group_are_kept(server):
    xray = client(server, "xray")
    rule = {
        "RuleName": "r", "ResourceARN": "*", "Priority": 1, "FixedRate": 0.5, "ReservoirSize": 1, "ServiceName": "*",
        "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1,
    }  # fmt: skip
    xray.create_sampling_rule(SamplingRule=rule)
    xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "r", "FixedRate": 0.25})
    assert xray.get_sampling_rules()["SamplingRuleRecords"][0]["SamplingRule"]["FixedRate"] == 0.25
    xray.delete_sampling_rule(RuleName="r")
    assert xray.get_sampling_rules()["SamplingRuleRecords"] == []
    arn = xray.create_group(GroupName="g", FilterExpression="error")["Group"]["GroupARN"]
    assert xray.get_group(GroupARN=arn)["Group"]["FilterExpression"] == "error"
    xray.delete_group(GroupName="g")
    with pytest.raises(ClientError, match="Group not found"):
        xray.get_group(GroupName="g")


def test_what_a_backup_plan_covers_is_kept_beside_motos_plan(server):
    backup = client(server, "backup")
    backup.create_backup_vault(BackupVaultName="vault")
    rules = [{"RuleName": "daily", "TargetBackupVaultName": "vault"}]
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": rules})["BackupPlanId"]
    role = "arn:aws:iam::123456789012:role/r"
    covers = {"SelectionName": "s", "IamRoleArn": role, "Resources": ["arn:aws:s3:::b"]}
    chosen = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=covers)["SelectionId"]
    found = backup.get_backup_selection(BackupPlanId=plan, SelectionId=chosen)
    assert found["BackupSelection"]["Resources"] == ["arn:aws:s3:::b"]
    assert backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"][0]["SelectionName"] == "s"
    assert backup.list_recovery_points_by_backup_vault(BackupVaultName="vault")["RecoveryPoints"] == []
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=chosen)
    assert backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]["BackupPlanName"] == "p"


def test_restore_testing_plan_with_a_selection(server):
    backup = client(server, "backup")
    points = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}
    backup.create_restore_testing_plan(
        RestoreTestingPlan={
            "RestoreTestingPlanName": "monthly", "ScheduleExpression": "cron(0 4 1 * ? *)",
            "RecoveryPointSelection": points,
        }
    )  # fmt: skip
    selection = {
        "RestoreTestingSelectionName": "table", "IamRoleArn": "arn:aws:iam::123456789012:role/r",
        "ProtectedResourceType": "DynamoDB", "ProtectedResourceArns": ["*"],
    }  # fmt: skip
    backup.create_restore_testing_selection(RestoreTestingPlanName="monthly", RestoreTestingSelection=selection)
    names = {"RestoreTestingPlanName": "monthly", "RestoreTestingSelectionName": "table"}
    assert backup.get_restore_testing_selection(**names)["RestoreTestingSelection"]["ValidationWindowHours"] == 0
    backup.delete_restore_testing_selection(**names)
    backup.delete_restore_testing_plan(RestoreTestingPlanName="monthly")
    with pytest.raises(backup.exceptions.ResourceNotFoundException):
        backup.get_restore_testing_plan(RestoreTestingPlanName="monthly")


def test_subscribers_of_a_budget_are_those_it_was_made_with(server):
    budgets = client(server, "budgets")
    note = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    who = [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}]
    budgets.create_budget(
        AccountId="123456789012",
        Budget={
            "BudgetName": "b", "TimeUnit": "MONTHLY", "BudgetType": "COST",
            "BudgetLimit": {"Amount": "1", "Unit": "USD"},
        },
        NotificationsWithSubscribers=[{"Notification": note, "Subscribers": who}],
    )  # fmt: skip
    found = budgets.describe_subscribers_for_notification(AccountId="123456789012", BudgetName="b", Notification=note)
    assert found["Subscribers"] == who
    budgets.update_budget(
        AccountId="123456789012",
        NewBudget={
            "BudgetName": "b", "TimeUnit": "MONTHLY", "BudgetType": "COST",
            "BudgetLimit": {"Amount": "2", "Unit": "USD"},
        },
    )  # fmt: skip
    changed = budgets.describe_budget(AccountId="123456789012", BudgetName="b")["Budget"]
    assert changed["BudgetLimit"]["Amount"] == "2"


def test_anomaly_subscription_follows_its_monitor(server):
    costs = client(server, "ce")
    monitor = costs.create_anomaly_monitor(
        AnomalyMonitor={"MonitorName": "m", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
    )["MonitorArn"]
    arn = costs.create_anomaly_subscription(
        AnomalySubscription={
            "SubscriptionName": "s", "MonitorArnList": [monitor], "Frequency": "DAILY",
            "Subscribers": [{"Type": "EMAIL", "Address": "a@example.com"}],
        }
    )["SubscriptionArn"]  # fmt: skip
    found = costs.get_anomaly_subscriptions(SubscriptionArnList=[arn])["AnomalySubscriptions"][0]
    assert (found["MonitorArnList"], found["Subscribers"][0]["Status"]) == ([monitor], "CONFIRMED")
    costs.delete_anomaly_subscription(SubscriptionArn=arn)
    costs.delete_anomaly_monitor(MonitorArn=monitor)
    assert costs.get_anomaly_monitors()["AnomalyMonitors"] == []
    with pytest.raises(costs.exceptions.UnknownMonitorException):
        costs.delete_anomaly_monitor(MonitorArn=monitor)


def test_grafana_workspace_becomes_active(server):
    grafana = client(server, "grafana")
    made = grafana.create_workspace(
        accountAccessType="CURRENT_ACCOUNT", authenticationProviders=["AWS_SSO"], permissionType="CUSTOMER_MANAGED",
        workspaceName="w", workspaceDataSources=["CLOUDWATCH"],
    )["workspace"]["id"]  # fmt: skip
    assert wait_for(lambda: grafana.describe_workspace(workspaceId=made)["workspace"]["status"] == "ACTIVE")
    grafana.delete_workspace(workspaceId=made)
    with pytest.raises(grafana.exceptions.ResourceNotFoundException):
        grafana.describe_workspace(workspaceId=made)


@pytest.mark.parametrize(
    ("definition", "result"),
    [
        ({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}, "OK"),
        ({"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b"}}}, "FAIL"),
    ],
    ids=["sound", "missing-state"],
)
def test_definition_of_a_state_machine_is_looked_at(server, definition, result):
    found = client(server, "stepfunctions").validate_state_machine_definition(definition=json.dumps(definition))
    assert found["result"] == result


def test_request_that_breaks_the_model_is_refused_here_too(server):
    mwaa = client(server, "mwaa", parameter_validation=False)
    with pytest.raises(ClientError, match="'dagS3Path' failed to satisfy constraint: Member must not be null"):
        mwaa.create_environment(Name="x")
