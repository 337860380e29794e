# shellcheck shell=bash
# Completion of a person's own bash. completion.sh prints the commands that fill these and that read this file.

# By script: its options and commands, and those of its options whose value is a file or a folder.
declare -gA TOTESTREAM_WORDS=() TOTESTREAM_FILES=()

# _totestream COMMAND WORD BEFORE: bash calls it to complete WORD; COMPREPLY is what WORD can become.
_totestream() {
  local script=${1##*/} word=$2 before=$3
  # --settings=FILE is three words.
  if [[ $word == = ]]; then
    word=''
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if [[ " ${TOTESTREAM_FILES[$script]} " == *" $before "* ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -W "${TOTESTREAM_WORDS[$script]}" -- "$word")
  fi
}
