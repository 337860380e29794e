"""The IAM statements for a function that runs in a VPC."""

from typing import Any

# The actions that Lambda takes with the role of a function in a VPC. The list is AWS's ("Giving Lambda functions access
# to resources in an Amazon VPC", Required IAM permissions).
ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


def vpc_statements(function_arn: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Allow these actions to Lambda and deny them to the function's code, whose calls name the function as source.

    The resource is `*`, because an interface has no name before it exists and Describe takes no resource.
    """
    source = {"ArnEquals": {"lambda:SourceFunctionArn": function_arn}}
    denied = [*ACTIONS, "ec2:DetachNetworkInterface"]
    return (
        {"Effect": "Allow", "Action": [*ACTIONS], "Resource": ["*"]},
        {"Effect": "Deny", "Action": denied, "Resource": ["*"], "Condition": source},
    )
