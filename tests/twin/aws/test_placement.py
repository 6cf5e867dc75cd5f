"""Networks and keys that a request names must exist."""

from __future__ import annotations

import pytest
from aws_requests import client
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def network(server):
    ec2 = client(server, "ec2")
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2)]
    subnet = ec2.create_subnet(VpcId=vpcs[0], CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    groups = [ec2.create_security_group(GroupName="jobs", Description="jobs", VpcId=vpc)["GroupId"] for vpc in vpcs]
    return {"subnet": subnet, "group": groups[0], "foreign": groups[1]}


@pytest.fixture(scope="module")
def key(server):
    return client(server, "kms").create_key()["KeyMetadata"]["Arn"]


def model(sagemaker, name, subnet, group):
    return sagemaker.create_model(
        ModelName=name, ExecutionRoleArn="arn:aws:iam::123456789012:role/jobs",
        PrimaryContainer={"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"},
        VpcConfig={"Subnets": [subnet], "SecurityGroupIds": [group]},
    )  # fmt: skip


def test_model_in_a_network_that_is_there_is_made(sagemaker, network, name):
    assert model(sagemaker, name, network["subnet"], network["group"])["ModelArn"]


def test_unknown_subnet_is_refused_by_name(sagemaker, network, name):
    with pytest.raises(ClientError, match="'subnet-00000000' does not exist"):
        model(sagemaker, name, "subnet-00000000", network["group"])


def test_group_of_another_network_is_refused(sagemaker, network, name):
    with pytest.raises(ClientError, match="must belong to one VPC"):
        model(sagemaker, name, network["subnet"], network["foreign"])


def test_key_that_is_not_there_is_refused_and_one_that_is_there_is_not(sagemaker, network, key, name):
    model(sagemaker, name, network["subnet"], network["group"])
    variants = [{"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]

    def configure(kms_key):
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, KmsKeyId=kms_key)

    with pytest.raises(ClientError, match=r"KMS key '.*/nothing' does not exist"):
        configure(key.rpartition("/")[0] + "/nothing")
    configure(key)
