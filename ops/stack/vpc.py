"""What a role needs to have its function stand in a VPC, as statements of IAM."""

from typing import Any

# What Lambda does with a role to have a function stand in a VPC: AWS's list, word for word ("Giving Lambda functions
# access to resources in an Amazon VPC", Required IAM permissions).
ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


def in_a_vpc(function_arn: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """For Lambda alone: what the function's own code asks of EC2 says which function it comes from. Interfaces have no
    names before they are made, and Describe takes no resource."""
    source = {"ArnEquals": {"lambda:SourceFunctionArn": function_arn}}
    denied = [*ACTIONS, "ec2:DetachNetworkInterface"]
    return (
        {"Effect": "Allow", "Action": [*ACTIONS], "Resource": ["*"]},
        {"Effect": "Deny", "Action": denied, "Resource": ["*"], "Condition": source},
    )
