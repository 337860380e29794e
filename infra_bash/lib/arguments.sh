# shellcheck shell=bash disable=SC2034 # the scripts read the variables that are set here
# Arguments. A script's header comment is what --help prints, and the "Usage:" in it is the grammar that is read here:
#
#   --name         a flag: OPTION_NAME is yes or no
#   --name VALUE   OPTION_NAME is the value, or empty; --name=VALUE is the same
#   name           a command: COMMAND is the one that was given
#   NAME           an argument: NAME is its value, or empty
#   NAME…          one argument or more: NAMES is an array
#   [a b]          both or none      [a [b]]  b only with a
#   [a | b]        one or none       (a | b)  exactly one

OPTION_LOCAL=no
OPTION_SETTINGS=''
OPTION_DRY_RUN=no
IS_LOCAL=no
SETTINGS_FILE=$ROOT/settings.env
STACK_NAMED=''
DRY_RUN=no
# A longer argument cannot be an option with a typing error.
LONGEST_TYPO=30
# A run has eight digits in the keys of the buckets. Other numbers need only fit into bash's arithmetic.
LAST_RUN=99999999
LARGEST_NUMBER=999999999999999
# shellcheck source-path=SCRIPTDIR source=help.sh
source "$(dirname "${BASH_SOURCE[0]}")/help.sh"

# read_arguments ARGUMENTS…: set the variables that the Usage names, or refuse what does not fit it.
read_arguments() {
  # The functions that are called here share these; `words` are the arguments that no token has taken yet.
  local at=0 found lacking
  local -a grammar words=()
  local -A kinds=() given=()
  COMMAND=''
  read_grammar "$0"
  sort_arguments "$@"
  match_group
  ((${#words[@]} == 0)) || refuse "unexpected argument ${words[0]}$(hint_at "${words[0]}"); see --help"
  [[ -z $lacking ]] || refuse "$lacking is missing$(explanation_of "$lacking"); see --help"
  choose_stack
}

# read_grammar SCRIPT: split the Usage into tokens, and tell flags from options with a value.
read_grammar() {
  local position
  read -rd '' -a grammar < <(show_help "$1" | sed -n '/^Usage: /,/^$/ { s/[][()]/ & /g; p; }') || :
  # Without "Usage:" and the script's name.
  grammar=("${grammar[@]:2}")
  for position in "${!grammar[@]}"; do
    [[ ${grammar[position]} == --* ]] || continue
    kinds[${grammar[position]}]=flag
    [[ ${grammar[position + 1]-} != [A-Z]* ]] || kinds[${grammar[position]}]=value
  done
}

# sort_arguments ARGUMENTS…: options into `given`, the rest into `words`.
sort_arguments() {
  local argument option
  while (($# > 0)); do
    argument=$1
    option=${argument%%=*}
    shift
    case $argument in
      -h | --help)
        show_help
        exit 0
        ;;
      --version)
        show_version
        exit 0
        ;;
      --)
        words+=("$@")
        break
        ;;
      -*)
        [[ -n ${kinds[$option]-} ]] || refuse "unknown option $option$(hint_at "$option"); see --help"
        [[ -z ${given[$option]-} ]] || refuse "$option is given twice; see --help"
        case ${kinds[$option]}$argument in
          flag*=*) refuse "$option takes no value; see --help" ;;
          flag*) given[$option]=yes ;;
          value*=*) given[$option]=${argument#*=} ;;
          *)
            [[ ${1-} == --* ]] || given[$option]=${1-}
            shift "$(($# > 0))"
            ;;
        esac
        [[ -n ${given[$option]-} ]] || refuse "$option needs a value; see --help"
        ;;
      *) words+=("$argument") ;;
    esac
  done
}

# match_group: match the tokens up to the end of this group. `found` is the first thing of it that was given, `lacking`
# what is missing of it.
match_group() {
  local token chosen='' first='' missing='' alternatives=''
  while ((at < ${#grammar[@]})); do
    token=${grammar[at]}
    at=$((at + 1))
    case $token in
      '[')
        match_group
        [[ -z $found || -z $lacking ]] || refuse "$found needs $lacking; see --help"
        lacking=''
        ;;
      '(') match_group ;;
      ']' | ')') break ;;
      '|')
        end_alternative
        continue
        ;;
      *) match_token "$token" ;;
    esac
    first=${first:-$found}
    missing=${missing:-$lacking}
  done
  end_alternative
  found=$chosen
  lacking=$alternatives
}

# end_alternative: end one alternative of a group. It uses the variables of match_group; only one may be given.
end_alternative() {
  if [[ -n $first ]]; then
    [[ -z $chosen ]] || refuse "$chosen and $first cannot be combined; see --help"
    chosen=$first
    alternatives=$missing
  elif [[ -z $chosen ]]; then
    alternatives+=${alternatives:+ or }$missing
  fi
  first=''
  missing=''
}

# match_token TOKEN: set its variable; `found` is what was given for it, `lacking` the token where nothing was.
match_token() {
  local name=${1//-/_}
  case $1 in
    --*)
      name=OPTION_${name#__}
      found=${given[$1]:+$1}
      if [[ ${kinds[$1]} == flag ]]; then
        printf -v "${name^^}" '%s' "${given[$1]-no}"
      else
        printf -v "${name^^}" '%s' "${given[$1]-}"
        at=$((at + 1))
      fi
      ;;
    [A-Z]*…)
      local -n array=${1%…}S
      array=("${words[@]}")
      found=${words[0]-}
      words=()
      ;;
    [A-Z]*)
      found=${words[0]-}
      printf -v "${1//|/_OR_}" '%s' "$found"
      words=("${words[@]:1}")
      ;;
    *)
      found=''
      if [[ ${words[0]-} == "$1" ]]; then
        COMMAND=$1
        found=$1
        words=("${words[@]:1}")
      fi
      ;;
  esac
  lacking=''
  [[ -n $found ]] || lacking=${1%…}
}

# explanation_of NAME: print the first words of the header's line about it.
explanation_of() {
  show_help | sed -nE "s/^ +${1//|/.}( [A-Z\/]+)? {2,}([^:;]*).*/ (\2)/p"
}

# hint_at WORD: print a hint with the option or command that is similar, if there is one.
hint_at() {
  local token nearest='' most=$(((${#1} + 2) / 3)) distance
  ((${#1} <= LONGEST_TYPO)) || return 0
  for token in "${grammar[@]}" --help --version; do
    [[ $token == [a-z-]* ]] || continue
    measure_distance "$1" "$token"
    if ((distance <= most)) || [[ ${#1} -gt 3 && $token == "$1"* ]]; then
      nearest=$token
      most=$((distance - 1))
    fi
  done
  printf '%s' "${nearest:+ (did you mean $nearest?)}"
}

# measure_distance WORD OTHER: set `distance` to the number of letters to add, remove or replace (Levenshtein distance).
measure_distance() {
  local i j
  local -a row above
  for ((j = 0; j <= ${#2}; j++)); do row[j]=$j; done
  for ((i = 1; i <= ${#1}; i++)); do
    above=("${row[@]}")
    row[0]=$i
    for ((j = 1; j <= ${#2}; j++)); do
      distance=${above[j - 1]}
      if [[ ${1:i-1:1} != "${2:j-1:1}" ]]; then
        ((above[j] >= distance)) || distance=${above[j]}
        ((row[j - 1] >= distance)) || distance=${row[j - 1]}
        distance=$((distance + 1))
      fi
      row[j]=$distance
    done
  done
  distance=${row[${#2}]}
}

# require_number OPTION [MAX]: refuse a value that is not a whole number from 1 to MAX.
require_number() {
  local variable=${1#--} most=${2:-$LARGEST_NUMBER}
  variable=OPTION_${variable//-/_}
  variable=${variable^^}
  [[ ${!variable} =~ ^([1-9][0-9]{0,14})?$ && ${!variable:-0} -le $most ]] ||
    refuse "$1 needs a whole number from 1 to $most, not ${!variable}; see --help"
}

# output_format: print json or text, for a script that has --json.
output_format() {
  if [[ $OPTION_JSON == yes ]]; then printf 'json'; else printf 'text'; fi
}

# choose_stack: set the variables of the libraries from the options that many scripts have.
choose_stack() {
  DRY_RUN=$OPTION_DRY_RUN
  IS_LOCAL=$OPTION_LOCAL
  if [[ $IS_LOCAL == yes ]]; then
    SETTINGS_FILE=$LOCAL/settings.env
    STACK_NAMED=--local
  elif [[ -n $OPTION_SETTINGS ]]; then
    SETTINGS_FILE=$OPTION_SETTINGS
    STACK_NAMED=--settings
  fi
}

# same_stack: print the options that name this stack in another command.
same_stack() {
  if [[ $IS_LOCAL == yes ]]; then
    printf ' --local'
  elif [[ $SETTINGS_FILE != "$ROOT/settings.env" ]]; then
    printf ' --settings %q' "$SETTINGS_FILE"
  fi
}
