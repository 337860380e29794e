# shellcheck shell=bash disable=SC2034 # what is set here, the scripts read
# The grammar that all scripts share. A script's header comment is its --help.

SETTINGS_FILE=$ROOT/settings.env
IS_LOCAL=no
DRY_RUN=no

# show_help: the comment between the first line and the first line of code.
show_help() {
  awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

# read_argument ARGUMENTS…: take --local, --settings FILE or --help off the front; how many in TAKEN, 0 if none.
read_argument() {
  TAKEN=1
  case $1 in
    --help)
      show_help
      exit 0
      ;;
    --local)
      IS_LOCAL=yes
      SETTINGS_FILE=$LOCAL/settings.env
      ;;
    --settings)
      SETTINGS_FILE=$(value_of "$@")
      TAKEN=2
      ;;
    *) TAKEN=0 ;;
  esac
}

# value_of --OPTION VALUE…
value_of() {
  (($# >= 2)) || refuse "$1 needs a value; see --help"
  printf '%s' "$2"
}

refuse_argument() {
  refuse "$1 is not an option of this script; see --help"
}
