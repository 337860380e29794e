# shellcheck shell=bash
# The network interfaces that Lambda creates in a VPC, and deletes itself with the rights of the function's role.

# read_interfaces: read those of this stack. EC2 is called only if a role has the right to create some.
read_interfaces() {
  : >"$ACTUAL/interfaces.json"
  grep -qE 'DeleteNetworkInterface|AWSLambdaVPCAccessExecutionRole' "$ACTUAL/roles.json" || return 0
  aws_read ec2 describe-network-interfaces \
    --filters "Name=description,Values=AWS Lambda VPC ENI-$PROJECT-$STAGE-*" >"$ACTUAL/interfaces.json"
}

# report_remaining_interfaces: print a line if a stack has left its VPC and interfaces still exist.
report_remaining_interfaces() {
  [[ -z $SUBNET_IDS ]] && grep -q '"NetworkInterfaceId"' "$ACTUAL/interfaces.json" || return 0
  say keep "the rights in EC2: AWS needs them to delete the network interfaces, in 20 to 40 minutes; deploy again then"
}

# list_ec2: read what of this service the stack has, for teardown.
list_ec2() {
  read_interfaces
}
