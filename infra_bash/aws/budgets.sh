# shellcheck shell=bash
# The monthly budget. A budget counts the whole account, in all regions.

# refuse_other_currency: refuse a budget in GovCloud, which has none, and in China, where they are not in US dollars.
refuse_other_currency() {
  [[ $PARTITION == aws || -z $MONTHLY_BUDGET_USD ]] ||
    refuse "MONTHLY_BUDGET_USD is $MONTHLY_BUDGET_USD, and $PARTITION has no budgets in US dollars; leave it empty"
}

# read_budget: read the budget. Many accounts allow nobody to read budgets, which is no failure if none is desired.
read_budget() {
  local expected=''
  [[ $PARTITION == aws ]] || return 0
  [[ -n $MONTHLY_BUDGET_USD ]] || expected=AccessDenied
  EXPECTED=$expected aws_find budgets describe-budget --account-id "$ACCOUNT_ID" --budget-name "$PROJECT-$STAGE-monthly" >"$ACTUAL/budget.json"
}

# ensure_budgets: create the budget with its notifications, or change its amount.
ensure_budgets() {
  read_budget
  apply budgets put_budget
}

ensure_budget_notifications() {
  [[ -n $MONTHLY_BUDGET_USD && -s $ACTUAL/budget.json ]] || return 0
  aws_find budgets describe-notifications-for-budget --account-id "$ACCOUNT_ID" \
    --budget-name "$PROJECT-$STAGE-monthly" >"$ACTUAL/budget_notifications.json"
  apply budget_notifications put budgets create-notification
}

# put_budget ACTION NAME DETAIL
put_budget() {
  case $1 in
    create) put budgets create-budget "$@" ;;
    update) aws_write budgets update-budget --cli-input-json "$(request budget_changes "$2")" ;;
    delete) remove_budget "$2" ;;
  esac
}

# list_budgets: read what of this service the stack has, for teardown.
list_budgets() {
  read_budget
}

remove_budget() {
  aws_delete budgets delete-budget --account-id "$ACCOUNT_ID" --budget-name "$1"
}
