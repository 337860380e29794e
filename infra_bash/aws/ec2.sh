# shellcheck shell=bash
# The network interfaces that Lambda makes in a VPC, and takes away itself, with the function's role.

# read_interfaces: those of this stack. EC2 is asked only where a role has the right to have some.
read_interfaces() {
  : >"$HAVE/interfaces.json"
  grep -qE 'DeleteNetworkInterface|AWSLambdaVPCAccessExecutionRole' "$HAVE/roles.json" || return 0
  aws_read ec2 describe-network-interfaces \
    --filters "Name=description,Values=AWS Lambda VPC ENI-$PROJECT-$STAGE-*" >"$HAVE/interfaces.json"
}

# say_if_interfaces_are_left: of a stack that has left its VPC.
say_if_interfaces_are_left() {
  [[ -z $SUBNET_IDS ]] && grep -q '"NetworkInterfaceId"' "$HAVE/interfaces.json" || return 0
  say keep "the rights in EC2: AWS takes the network interfaces away with them, in 20 to 40 minutes; deploy again then"
}
