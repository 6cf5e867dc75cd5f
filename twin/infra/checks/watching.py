"""What watches: logs, alarms, the trail, traces, costs."""

from __future__ import annotations

import json

from twin.infra.checks.looking import Account, Values, Wrong, encrypted_by_ours, expect, looks_at, only, region_of


@looks_at("aws_cloudwatch_log_group")
def log_group(account: Account, values: Values) -> str:
    found = account("logs").describe_log_groups(logGroupNamePrefix=values["name"])["logGroups"]
    one = only((each for each in found if each["logGroupName"] == values["name"]), "groups")
    expect(one.get("retentionInDays"), 90, "days of retention")
    encrypted_by_ours(one.get("kmsKeyId"), "the group")
    return "90 days, SSE-KMS"


@looks_at("aws_cloudwatch_log_stream")
def log_stream(account: Account, values: Values) -> str:
    found = account("logs").describe_log_streams(logGroupName=values["log_group_name"])["logStreams"]
    expect(values["name"] in {each["logStreamName"] for each in found}, True, "the stream")
    return "exists"


@looks_at("aws_cloudwatch_log_subscription_filter")
def log_feed(account: Account, values: Values) -> str:
    found = account("logs").describe_subscription_filters(logGroupName=values["log_group_name"])["subscriptionFilters"]
    expect("mlops-log-archive" in only(found, "feeds")["destinationArn"], True, "the archive as its target")
    return "everything to the archive"


@looks_at("aws_cloudwatch_log_resource_policy")
def log_policy(account: Account, values: Values) -> str:
    found = account("logs").describe_resource_policies()["resourcePolicies"]
    one = only((each for each in found if each["policyName"] == values["policy_name"]), "policies")
    # EventBridge sends no account along.
    expect("aws:SourceAccount" in one["policyDocument"], values["policy_name"] == "mlops-spans", "a condition")
    return "EventBridge of this account writes"


@looks_at("aws_cloudwatch_log_metric_filter")
def log_metric(account: Account, values: Values) -> str:
    found = account("logs").describe_metric_filters(logGroupName=values["log_group_name"])["metricFilters"]
    return only(found, "filters")["metricTransformations"][0]["metricName"]


@looks_at("aws_cloudwatch_metric_alarm")
def alarm(account: Account, values: Values) -> str:
    cloudwatch = account("cloudwatch", region_of(values["arn"]))
    found = cloudwatch.describe_alarms(AlarmNames=[values["alarm_name"]])["MetricAlarms"]
    one = only(found, "alarms")
    expect(one["AlarmActions"][0].rpartition(":")[2], "mlops-alarms", "who is told")
    expect("docs/runbooks/" in one["AlarmDescription"], True, "a runbook")
    watched = [each["MetricStat"]["Metric"]["MetricName"] for each in one.get("Metrics", []) if "MetricStat" in each]
    expect(sorted(watched), sorted(_queried(values)), "the metrics of its expression")
    return f"{one.get('MetricName') or ', '.join(watched)}, operators are told"


def _queried(values: Values) -> list[str]:
    metrics = [metric for query in values.get("metric_query", []) for metric in query.get("metric", [])]
    return [metric["metric_name"] for metric in metrics]


@looks_at("aws_cloudwatch_composite_alarm")
def composite_alarm(account: Account, values: Values) -> str:
    cloudwatch = account("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[values["alarm_name"]], AlarmTypes=["CompositeAlarm"])
    rule = only(found["CompositeAlarms"], "alarms")["AlarmRule"]
    named = [word.split('"')[1] for word in rule.split(" OR ")]
    there = {each["AlarmName"] for each in cloudwatch.describe_alarms(AlarmNames=named)["MetricAlarms"]}
    expect(there, set(named), "the alarms it is made of")
    return f"of {len(named)} alarms"


@looks_at("aws_cloudwatch_dashboard")
def dashboard(account: Account, values: Values) -> str:
    body = json.loads(account("cloudwatch").get_dashboard(DashboardName=values["dashboard_name"])["DashboardBody"])
    expect(len(body["widgets"]) >= 6, True, "six graphs")
    return f"{len(body['widgets'])} graphs"


@looks_at("aws_cloudtrail")
def trail(account: Account, values: Values) -> str:
    cloudtrail = account("cloudtrail")
    found = cloudtrail.get_trail(Name=values["name"])["Trail"]
    expect(found["IsMultiRegionTrail"], True, "all regions")
    expect(found["LogFileValidationEnabled"], True, "proof against change")
    expect(cloudtrail.get_trail_status(Name=values["name"])["IsLogging"], True, "recording")
    encrypted_by_ours(found.get("KmsKeyId"), "the trail")
    selectors = cloudtrail.get_event_selectors(TrailName=values["name"])["EventSelectors"]
    expect(selectors[0]["ReadWriteType"], "All", "what is recorded")
    return "all regions, all calls, proof against change"


@looks_at("aws_xray_sampling_rule")
def sampling_rule(account: Account, values: Values) -> str:
    records = account("xray").get_sampling_rules()["SamplingRuleRecords"]
    rules = [each["SamplingRule"] for each in records]
    one = only((each for each in rules if each["RuleName"] == values["rule_name"]), "rules")
    return f"{one['FixedRate']:.0%} of {one['ServiceName']}"


@looks_at("aws_xray_group")
def trace_group(account: Account, values: Values) -> str:
    found = account("xray").get_group(GroupARN=values["arn"])["Group"]
    expect("run_key" in found["FilterExpression"], True, "the run key")
    return "traces by run key"


@looks_at("aws_budgets_budget")
def budget(account: Account, values: Values) -> str:
    budgets, name = account("budgets"), values["name"]
    owner = values["account_id"]
    found = budgets.describe_budget(AccountId=owner, BudgetName=name)["Budget"]
    expect(float(found["BudgetLimit"]["Amount"]), 900.0, "the limit")
    notes = budgets.describe_notifications_for_budget(AccountId=owner, BudgetName=name)["Notifications"]
    kinds = {(each["NotificationType"], each["Threshold"]) for each in notes}
    expect(kinds, {("ACTUAL", 80.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0)}, "when people are told")
    for each in notes:
        who = budgets.describe_subscribers_for_notification(AccountId=owner, BudgetName=name, Notification=each)
        if not who["Subscribers"]:
            raise Wrong("nobody is told")
    return "told at 80 %, 100 % and by forecast"


@looks_at("aws_ce_anomaly_monitor")
def anomaly_monitor(account: Account, values: Values) -> str:
    found = account("ce").get_anomaly_monitors(MonitorArnList=[values["arn"]])["AnomalyMonitors"]
    watched = only(found, "monitors")["MonitorSpecification"]["Tags"]
    expect((watched["Key"], watched["Values"]), ("project", ["mlops"]), "what is watched")
    return "costs of what is tagged with this project"


@looks_at("aws_ce_anomaly_subscription")
def anomaly_subscription(account: Account, values: Values) -> str:
    found = account("ce").get_anomaly_subscriptions(SubscriptionArnList=[values["arn"]])["AnomalySubscriptions"]
    one = only(found, "subscriptions")
    expect(one["Frequency"], "DAILY", "how often")
    return f"daily to {len(one['Subscribers'])}"
