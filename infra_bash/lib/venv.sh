# shellcheck shell=bash
# The project's interpreter in .venv, with exactly the versions that the requirement files lock.

# The requirement files of a machine that works with a stack.
OPERATOR_FILES=(requirements.txt requirements-local.txt)
# It has a line for each file that was installed whole, so that an interrupted installation is finished by the next
# script.
STAMP=$ROOT/.venv/installed

# require_venv: make or complete .venv for a script that works with a stack; print nothing where there is nothing to do.
require_venv() {
  is_installed "${OPERATOR_FILES[@]}" || ensure_venv "${OPERATOR_FILES[@]}"
}

# ensure_venv FILE…: create .venv if it is missing or unfinished; install when a file has changed since.
ensure_venv() {
  local lock=''
  lock_venv
  if is_installed "$@"; then
    say ok ".venv"
  else
    complete_venv "$@"
  fi
  [[ -z $lock ]] || exec {lock}<&-
}

complete_venv() {
  local file
  [[ -x $PYTHON && -e $STAMP ]] || make_venv
  install_requirements "$@"
  for file in "$@"; do
    { awk -v file="$file" '$NF != file' "$STAMP" && stamp_of "$file"; } >"$WORK/stamp"
    cp "$WORK/stamp" "$STAMP"
  done
}

# is_installed FILE…: whether .venv has what these files lock now.
is_installed() {
  local file
  [[ -x $PYTHON && -e $STAMP ]] || return 1
  for file in "$@"; do
    grep -qxF "$(stamp_of "$file")" "$STAMP" || return 1
  done
}

# lock_venv: one script at a time makes .venv. Sets `lock` of ensure_venv. macOS has no flock.
lock_venv() {
  command -v flock >"$WORK/flock" || return 0
  exec {lock}<"$ROOT/requirements.txt"
  flock --nonblock "$lock" && return
  say wait "another script makes .venv"
  flock "$lock"
}

# stamp_of FILE: print its checksum and name.
stamp_of() {
  printf '%s %s\n' "$(cksum <"$ROOT/$1")" "$1"
}

install_requirements() {
  local file
  local -a files=()
  for file in "$@"; do
    files+=(--requirement "$ROOT/$file")
  done
  say create ".venv from $*"
  with_news "pip, $*" venv_size pip_install "$*" "${files[@]}"
}

# venv_size: print how much of it is there.
venv_size() {
  du -sm "$ROOT/.venv" | awk '{ print ", " $1 " MB in .venv" }'
}

# pip_install NAMES ARGUMENTS…
pip_install() {
  # No source distributions: their setup.py would run with the rights of the person who deploys.
  "$PYTHON" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: "${@:2}" >&2 ||
    die "pip could not install $1; its errors are above"
}

make_venv() {
  local python3
  python3=$(find_python3)
  # Debian has ensurepip, which every venv needs, in a separate package.
  "$python3" -c 'import ensurepip' 2>"$WORK/ensurepip" || install_python3_venv
  say create ".venv with $("$python3" --version)"
  "$python3" -m venv --clear "$ROOT/.venv" >&2
  touch "$STAMP"
}

find_python3() {
  local python3
  python3=$(command -v python3) || die "python3 is missing; install Python 3.11, 3.12 or 3.13"
  "$python3" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
    die "$python3 is $("$python3" --version); Python 3.11, 3.12 or 3.13 is needed, for which requirements.txt is locked"
  printf '%s' "$python3"
}

install_python3_venv() {
  local apt
  apt=$(command -v apt-get) || die "python3 cannot make a venv; install its venv module"
  ((EUID == 0)) || die "python3 cannot make a venv; run: sudo apt-get install -y python3-venv"
  say create "python3-venv"
  "$apt" install -y -q python3-venv >"$WORK/apt" 2>&1 || {
    "$apt" update -q >"$WORK/apt" 2>&1 && "$apt" install -y -q python3-venv >"$WORK/apt" 2>&1
  } || die "apt-get install python3-venv: $(tail -n 1 "$WORK/apt")"
}
