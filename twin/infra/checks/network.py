"""The network: who reaches what."""

from __future__ import annotations

from twin.infra.checks.looking import Account, Values, Wrong, expect, looks_at, only


@looks_at("aws_vpc")
def vpc(account: Account, values: Values) -> str:
    ec2 = account("ec2")
    expect(only(ec2.describe_vpcs(VpcIds=[values["id"]])["Vpcs"], "networks")["CidrBlock"], "10.40.0.0/16", "addresses")
    names = ec2.describe_vpc_attribute(VpcId=values["id"], Attribute="enableDnsHostnames")["EnableDnsHostnames"][
        "Value"
    ]
    expect(names, True, "names of hosts")
    return "10.40.0.0/16, with names"


@looks_at("aws_subnet")
def subnet(account: Account, values: Values) -> str:
    found = only(account("ec2").describe_subnets(SubnetIds=[values["id"]])["Subnets"], "subnets")
    expect(found["MapPublicIpOnLaunch"], False, "public addresses by default")
    return f"{found['AvailabilityZone']}, no public addresses"


@looks_at("aws_internet_gateway")
def internet_gateway(account: Account, values: Values) -> str:
    found = account("ec2").describe_internet_gateways(InternetGatewayIds=[values["id"]])["InternetGateways"]
    expect(only(found, "gateways")["Attachments"][0]["VpcId"], values["vpc_id"], "its network")
    return "attached"


@looks_at("aws_eip")
def address(account: Account, values: Values) -> str:
    only(account("ec2").describe_addresses(AllocationIds=[values["id"]])["Addresses"], "addresses")
    return values["public_ip"]


@looks_at("aws_nat_gateway")
def nat(account: Account, values: Values) -> str:
    found = account("ec2").describe_nat_gateways(NatGatewayIds=[values["id"]])["NatGateways"]
    expect(only(found, "gateways")["State"], "available", "its state")
    return "available"


def _routes(account: Account, table: str) -> dict[str, str]:
    found = only(account("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"], "tables")["Routes"]
    return {
        each["DestinationCidrBlock"]: each.get("NatGatewayId") or each.get("GatewayId", "")
        for each in found
        if "DestinationCidrBlock" in each
    }


@looks_at("aws_route_table")
def route_table(account: Account, values: Values) -> str:
    out = _routes(account, values["id"]).get("0.0.0.0/0", "")
    name = values["tags"]["Name"]
    wanted = "igw-" if "public" in name else "nat-" if "private" in name else ""
    if not out.startswith(wanted) or bool(out) != bool(wanted):
        raise Wrong(f"{name} leads to {out or 'nowhere'}")
    return f"out by {out}" if out else "no way out"


@looks_at("aws_route")
def route(account: Account, values: Values) -> str:
    out = _routes(account, values["route_table_id"])["0.0.0.0/0"]
    expect(out, values["nat_gateway_id"] or values["gateway_id"], "the way out")
    return out


@looks_at("aws_route_table_association")
def association(account: Account, values: Values) -> str:
    tables = account("ec2").describe_route_tables(RouteTableIds=[values["route_table_id"]])["RouteTables"]
    subnets = {each.get("SubnetId") for each in only(tables, "tables")["Associations"]}
    expect(values["subnet_id"] in subnets, True, "the subnet's table")
    return values["subnet_id"]


@looks_at("aws_vpc_endpoint")
def endpoint(account: Account, values: Values) -> str:
    found = account("ec2").describe_vpc_endpoints(VpcEndpointIds=[values["id"]])["VpcEndpoints"]
    one = only(found, "endpoints")
    expect(one["State"].lower(), "available", "its state")
    if one["VpcEndpointType"] == "Interface":
        expect(one["PrivateDnsEnabled"], True, "the private name")
        expect(len(one["SubnetIds"]), 2, "zones")
    elif len(one["RouteTableIds"]) < 3:
        raise Wrong("not every private table leads to it")
    return one["ServiceName"].partition("us-east-1.")[2]


@looks_at("aws_security_group")
def security_group(account: Account, values: Values) -> str:
    found = account("ec2").describe_security_groups(GroupIds=[values["id"]])["SecurityGroups"]
    open_ports = [
        each["FromPort"]
        for each in only(found, "groups")["IpPermissions"]
        for source in each.get("IpRanges", [])
        if source["CidrIp"] == "0.0.0.0/0"
    ]
    expect(open_ports, [], "ports open to the world")
    return "nothing open to the world"


@looks_at("aws_default_security_group")
def default_group(account: Account, values: Values) -> str:
    found = only(account("ec2").describe_security_groups(GroupIds=[values["id"]])["SecurityGroups"], "groups")
    expect((found["IpPermissions"], found["IpPermissionsEgress"]), ([], []), "its rules")
    return "without rules"


@looks_at("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
def rule(account: Account, values: Values) -> str:
    found = account("ec2").describe_security_group_rules(SecurityGroupRuleIds=[values["security_group_rule_id"]])
    one = only(found["SecurityGroupRules"], "rules")
    if one.get("CidrIpv4") == "0.0.0.0/0":
        expect(one["IsEgress"], True, "a rule for the whole world going out")
        expect(one["FromPort"] in {443, 587}, True, f"port {one['FromPort']} as one of HTTPS and mail")
    return f"{'out' if one['IsEgress'] else 'in'} {values['description']}"


@looks_at("aws_flow_log")
def flow_log(account: Account, values: Values) -> str:
    found = account("ec2").describe_flow_logs(FlowLogIds=[values["id"]])["FlowLogs"]
    expect(only(found, "logs of flows")["TrafficType"], "ALL", "what is logged")
    return "all traffic"


@looks_at("aws_route53_record")
def record(account: Account, values: Values) -> str:
    found = account("route53").list_resource_record_sets(HostedZoneId=values["zone_id"])["ResourceRecordSets"]
    names = {(each["Name"].rstrip("."), each["Type"]) for each in found}
    expect((values["fqdn"].rstrip("."), values["type"]) in names, True, "the record")
    return values["fqdn"]
