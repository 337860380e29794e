# shellcheck shell=bash
# The settings. ops/settings declares, reads and checks them; here they become variables of bash.

# load_settings: export every setting; fail at the first that is missing, unknown or invalid.
load_settings() {
  local each
  local -a exported
  mapfile -d '' -t exported < <(settings_of export "$SCRIPT" "$SETTINGS_FILE" "$STACK_NAMED")
  wait "$!" || exit $?
  for each in "${exported[@]}"; do
    if [[ $each == *=* ]]; then
      export "${each?}"
    else
      unset "$each"
    fi
  done
  export AWS_PAGER=""
}

# settings_given: print the names of the settings that the file has, and of those that are required.
settings_given() {
  settings_of given "$SETTINGS_FILE"
}

# settings_of COMMAND ARGUMENTS…: run ops.settings.load. Before the first deploy there is no .venv; then python3 runs it.
settings_of() {
  local python3=$PYTHON
  [[ -x $python3 ]] || python3=$(find_python3)
  "$python3" -P -m ops.settings.load "$@"
}
