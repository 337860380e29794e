#!/usr/bin/env bash
# Print what completes options, commands and files of these scripts in bash.
#
# Usage: infra_bash/completion.sh
#
#   --help            this text
#
# Run it in the checkout, or write the line into ~/.bashrc with the checkout's path: source <(infra_bash/completion.sh)
# What is completed is what each script's Usage names.
# Exit codes: 0 done, 1 failed, 2 wrong usage.

# shellcheck source-path=SCRIPTDIR/lib
lib=$(dirname "${BASH_SOURCE[0]}")/lib
source "$lib/script.sh"
source "$lib/arguments.sh"

main() {
  local script name
  read_arguments "$@"
  printf 'source %q\n' "$ROOT/infra_bash/lib/completion.sh"
  for script in "$ROOT"/infra_bash/*.sh; do
    name=${script##*/}
    print_words "$script" "$name"
    printf 'complete -F _totestream %q %q %q\n' "infra_bash/$name" "./infra_bash/$name" "$script"
  done
}

# print_words SCRIPT NAME: print the words that its Usage has, and the options in it that take a file.
print_words() {
  local position token
  local -a grammar words=(--help --version) files=()
  local -A kinds=()
  read_grammar "$1"
  for position in "${!grammar[@]}"; do
    token=${grammar[position]}
    [[ $token != --* && $token != [a-z]* ]] || words+=("$token")
    [[ ${grammar[position + 1]-} != FILE && ${grammar[position + 1]-} != DIR ]] || files+=("$token")
  done
  printf 'TOTESTREAM_WORDS[%q]=%q\n' "$2" "${words[*]}"
  printf 'TOTESTREAM_FILES[%q]=%q\n' "$2" "${files[*]-}"
}

main "$@"
