"""What runs: Airflow, the MCP server, functions, the state machine, images, the registry of models."""

from __future__ import annotations

import json

from twin.infra.checks.looking import Account, Values, Wrong, encrypted_by_ours, expect, looks_at, only, statements


@looks_at("aws_mwaa_environment")
def airflow(account: Account, values: Values) -> str:
    found = account("mwaa").get_environment(Name=values["name"])["Environment"]
    expect(found["Status"], "AVAILABLE", "its status")
    expect(found["AirflowVersion"], "3.3.1", "the version")
    expect(found["WebserverAccessMode"], "PRIVATE_ONLY", "the page's reach")
    encrypted_by_ours(found.get("KmsKey"), "the environment")
    for what in ("PluginsS3ObjectVersion", "RequirementsS3ObjectVersion", "StartupScriptS3ObjectVersion"):
        if not found.get(what):
            raise Wrong(f"{what} is not pinned")
    logs = {name: each["Enabled"] for name, each in found["LoggingConfiguration"].items()}
    expect(set(logs.values()), {True}, f"logging {logs}")
    backend = found["AirflowConfigurationOptions"].get("secrets.backend", "")
    expect(backend.rpartition(".")[2], "SecretsManagerBackend", "the secrets' backend")
    return "3.3.1, private, our key, pinned files, all logs"


@looks_at("aws_ecs_cluster")
def cluster(account: Account, values: Values) -> str:
    found = account("ecs").describe_clusters(clusters=[values["name"]], include=["SETTINGS"])["clusters"]
    settings = {each["name"]: each["value"] for each in only(found, "clusters")["settings"]}
    expect(settings["containerInsights"], "enabled", "insights")
    return "with insights"


@looks_at("aws_ecs_task_definition")
def task(account: Account, values: Values) -> str:
    found = account("ecs").describe_task_definition(taskDefinition=values["arn"])["taskDefinition"]
    container = only(found["containerDefinitions"], "containers")
    expect(container.get("readonlyRootFilesystem"), True, "a root that cannot be written")
    expect(container.get("user"), "1000", "the user")
    expect(container.get("privileged", False), False, "privileges")
    expect(found["networkMode"], "awsvpc", "the network")
    words = {each["name"] for each in container["environment"]}
    expect(words >= {"MLOPS_BUCKET", "MLOPS_LEDGER_TABLE", "MLOPS_JOB_ROLE_ARN"}, True, "the MLOPS_* environment")
    if any("TOKEN" in each or "PASSWORD" in each for each in words):
        raise Wrong("a secret lies in the environment")
    return "read-only, user 1000, no secrets in its environment"


@looks_at("aws_ecs_service")
def service(account: Account, values: Values) -> str:
    found = account("ecs").describe_services(cluster=values["cluster"], services=[values["name"]])["services"]
    one = only(found, "services")
    expect(one["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "DISABLED", "a public address")
    expect(
        one["deploymentConfiguration"]["deploymentCircuitBreaker"], {"enable": True, "rollback": True}, "the breaker"
    )
    expect(one["desiredCount"], 2, "tasks")
    return "two tasks, no public address, rolls back by itself"


@looks_at("aws_appautoscaling_target")
def scaling_target(account: Account, values: Values) -> str:
    found = account("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[values["resource_id"]]
    )["ScalableTargets"]
    one = only(found, "targets")
    expect((one["MinCapacity"], one["MaxCapacity"]), (2, 6), "tasks")
    return "2 to 6 tasks"


@looks_at("aws_appautoscaling_policy")
def scaling_policy(account: Account, values: Values) -> str:
    found = account("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="ecs", PolicyNames=[values["name"]]
    )["ScalingPolicies"]
    expect(only(found, "policies")["PolicyType"], "TargetTrackingScaling", "its kind")
    return "follows the processor"


@looks_at("aws_lb")
def load_balancer(account: Account, values: Values) -> str:
    elb = account("elbv2")
    found = only(elb.describe_load_balancers(LoadBalancerArns=[values["arn"]])["LoadBalancers"], "load balancers")
    expect(found["Scheme"], "internal", "its reach")
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=values["arn"])["Attributes"]
    given = {each["Key"]: each["Value"] for each in attributes}
    expect(given.get("access_logs.s3.enabled"), "true", "access logs")
    expect(given.get("routing.http.drop_invalid_header_fields.enabled"), "true", "dropping bad headers")
    return "internal, logs its access"


@looks_at("aws_lb_listener")
def listener(account: Account, values: Values) -> str:
    found = only(account("elbv2").describe_listeners(ListenerArns=[values["arn"]])["Listeners"], "listeners")
    expect((found["Protocol"], found["Port"]), ("HTTPS", 443), "the door")
    expect(found["SslPolicy"], "ELBSecurityPolicy-TLS13-1-2-2021-06", "the versions of TLS")
    expect(bool(found["Certificates"]), True, "a certificate")
    return "TLS 1.2 and 1.3 only"


@looks_at("aws_lb_target_group")
def target_group(account: Account, values: Values) -> str:
    found = account("elbv2").describe_target_groups(TargetGroupArns=[values["arn"]])["TargetGroups"]
    expect(only(found, "groups")["HealthCheckPath"], "/healthz", "the health check")
    return "asks /healthz"


@looks_at("aws_acm_certificate", "aws_acm_certificate_validation")
def certificate(account: Account, values: Values) -> str:
    arn = values.get("certificate_arn") or values["arn"]
    found = account("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    expect(found["DomainName"], "mcp.mlops.example.com", "its name")
    expect(found["Status"], "ISSUED", "its status")
    return f"{found['DomainName']}, issued"


@looks_at("aws_lambda_function")
def function(account: Account, values: Values) -> str:
    found = account("lambda").get_function(FunctionName=values["function_name"])
    configuration = found["Configuration"]
    expect(configuration["Runtime"], "python3.12", "the runtime")
    expect(configuration["TracingConfig"]["Mode"], "Active", "tracing")
    encrypted_by_ours(configuration.get("KMSKeyArn"), "its environment")
    expect(len(configuration["VpcConfig"]["SubnetIds"]), 2, "subnets")
    kept = found.get("Concurrency", {}).get("ReservedConcurrentExecutions", 0)
    expect(0 < kept <= 50, True, f"a limit of {kept} at a time")
    return f"in the network, traced, at most {kept} at a time"


@looks_at("aws_lambda_permission")
def function_permission(account: Account, values: Values) -> str:
    policy = account("lambda").get_policy(FunctionName=values["function_name"])["Policy"]
    one = only((each for each in statements(policy) if each["Sid"] == values["statement_id"]), "statements")
    expect("Condition" in one, True, "a condition on who calls")
    return f"{one['Principal']['Service']}, of this account"


@looks_at("aws_sfn_state_machine")
def machine(account: Account, values: Values) -> str:
    found = account("stepfunctions").describe_state_machine(stateMachineArn=values["arn"])
    definition = json.loads(found["definition"])
    phases = {"prepare", "train", "validate", "package", "deploy", "monitor", "retrain"}
    if missing := phases - definition["States"].keys():
        raise Wrong(f"no state for {', '.join(sorted(missing))}")
    if "${" in found["definition"]:
        raise Wrong("a name was not filled in")
    expect(found["type"], "STANDARD", "its kind")
    expect(found["loggingConfiguration"]["level"], "ALL", "logging")
    expect(found["tracingConfiguration"]["enabled"], True, "tracing")
    return "seven phases, logged and traced"


@looks_at("aws_ecr_repository")
def repository(account: Account, values: Values) -> str:
    found = account("ecr").describe_repositories(repositoryNames=[values["name"]])["repositories"]
    one = only(found, "repositories")
    expect(one["imageTagMutability"], "IMMUTABLE", "its tags")
    expect(one["imageScanningConfiguration"]["scanOnPush"], True, "scan on push")
    expect(one["encryptionConfiguration"]["encryptionType"], "KMS", "encryption")
    return "tags stay, scanned, SSE-KMS"


@looks_at("aws_ecr_lifecycle_policy")
def repository_lifecycle(account: Account, values: Values) -> str:
    policy = account("ecr").get_lifecycle_policy(repositoryName=values["repository"])["lifecyclePolicyText"]
    expect(len(json.loads(policy)["rules"]), 2, "rules")
    return "old images go"


@looks_at("aws_ecr_repository_policy")
def repository_policy(account: Account, values: Values) -> str:
    policy = account("ecr").get_repository_policy(repositoryName=values["repository"])["policyText"]
    one = only(statements(policy), "statements")
    expect(one["Principal"], {"Service": "sagemaker.amazonaws.com"}, "who may pull")
    expect("Condition" in one, True, "a condition on the account")
    return "SageMaker of this account pulls"


@looks_at("aws_sagemaker_model_package_group")
def model_group(account: Account, values: Values) -> str:
    found = account("sagemaker").describe_model_package_group(ModelPackageGroupName=values["model_package_group_name"])
    expect(found["ModelPackageGroupStatus"], "Completed", "its status")
    return "exists"


@looks_at("aws_sagemaker_model_package_group_policy")
def model_group_policy(account: Account, values: Values) -> str:
    name = values["model_package_group_name"]
    policy = account("sagemaker").get_model_package_group_policy(ModelPackageGroupName=name)["ResourcePolicy"]
    expect(only(statements(policy), "statements")["Effect"], "Deny", "the effect")
    return "other accounts approve nothing"


@looks_at("aws_grafana_workspace")
def grafana(account: Account, values: Values) -> str:
    found = account("grafana").describe_workspace(workspaceId=values["id"])["workspace"]
    expect(found["status"], "ACTIVE", "its status")
    expect(found["authentication"]["providers"], ["AWS_SSO"], "the login")
    return "active, by single sign-on"
