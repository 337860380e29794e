# shellcheck shell=bash
# What AWS may cost in a month. Budgets are of the whole account, and of no region.

# refuse_other_currency: GovCloud has no budgets, and China's are not in US dollars.
refuse_other_currency() {
  [[ $PARTITION == aws || -z $MONTHLY_BUDGET_USD ]] ||
    refuse "MONTHLY_BUDGET_USD is $MONTHLY_BUDGET_USD, and $PARTITION has no budgets in US dollars; leave it empty"
}

# read_budget: many accounts let nobody look; where no budget is asked for, none is made there either.
read_budget() {
  local fine=''
  [[ $PARTITION == aws ]] || return 0
  [[ -n $MONTHLY_BUDGET_USD ]] || fine=AccessDenied
  FINE=$fine aws_find budgets describe-budget --account-id "$ACCOUNT_ID" --budget-name "$PROJECT-$STAGE-monthly" >"$HAVE/budget.json"
}

# ensure_budgets: a new budget is created with its notifications.
ensure_budgets() {
  read_budget
  apply budgets put_budget
}

ensure_budget_notifications() {
  [[ -n $MONTHLY_BUDGET_USD && -s $HAVE/budget.json ]] || return 0
  aws_find budgets describe-notifications-for-budget --account-id "$ACCOUNT_ID" \
    --budget-name "$PROJECT-$STAGE-monthly" >"$HAVE/budget_notifications.json"
  apply budget_notifications put budgets create-notification
}

# put_budget VERDICT NAME WHAT
put_budget() {
  case $1 in
    create) put budgets create-budget "$@" ;;
    update) aws_write budgets update-budget --cli-input-json "$(request budget_changes "$2")" ;;
    delete) aws_delete budgets delete-budget --account-id "$ACCOUNT_ID" --budget-name "$2" ;;
  esac
}
