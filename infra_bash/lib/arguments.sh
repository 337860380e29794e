# shellcheck shell=bash disable=SC2034 # what is set here, the scripts read
# The grammar that all scripts share. A script's header comment is its --help.

SETTINGS_FILE=$ROOT/settings.env
IS_LOCAL=no
STACK_NAMED=''
DRY_RUN=no

# show_help: the comment between the first line and the first line of code.
show_help() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

# help_if_asked ARGUMENT
help_if_asked() {
  if [[ $1 == --help || $1 == -h ]]; then
    show_help
    exit 0
  fi
}

# read_argument ARGUMENTS…: take --local, --settings FILE or --help off the front; how many in TAKEN, 0 if none.
read_argument() {
  TAKEN=1
  case $1 in
    --local)
      name_stack "$1"
      IS_LOCAL=yes
      SETTINGS_FILE=$LOCAL/settings.env
      ;;
    --settings)
      name_stack "$1"
      take_value "$@"
      SETTINGS_FILE=$VALUE
      ;;
    *)
      help_if_asked "$1"
      TAKEN=0
      ;;
  esac
}

# read_stack_and_dry_run ARGUMENTS…: all that some scripts take.
read_stack_and_dry_run() {
  while (($# > 0)); do
    read_argument "$@"
    case $TAKEN$1 in
      0--dry-run) DRY_RUN=yes && TAKEN=1 ;;
      0*) refuse_argument "$1" ;;
    esac
    shift "$TAKEN"
  done
}

# name_stack OPTION: a script works on one stack.
name_stack() {
  [[ -z $STACK_NAMED ]] || refuse "$1 comes after $STACK_NAMED, and one stack is enough; see --help"
  STACK_NAMED=$1
}

# same_stack: the options that name it.
same_stack() {
  if [[ $IS_LOCAL == yes ]]; then
    printf ' --local'
  elif [[ $SETTINGS_FILE != "$ROOT/settings.env" ]]; then
    printf ' --settings %q' "$SETTINGS_FILE"
  fi
}

# take_value --OPTION VALUE…: in VALUE. Never in a subshell: a refusal must end the script.
take_value() {
  [[ -n ${2-} && $2 != --* ]] || refuse "$1 needs a value; see --help"
  VALUE=$2
  TAKEN=2
}

refuse_argument() {
  refuse "$1 is not an argument of this script; see --help"
}
