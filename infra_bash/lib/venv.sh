# shellcheck shell=bash
# The project's interpreter in .venv, with exactly the versions that the requirement files lock.

# ensure_venv FILE…: create .venv if there is none; install when a file has changed since.
ensure_venv() {
  local stamp=$ROOT/.venv/installed file
  local -a changed=()
  [[ -x $PYTHON ]] || make_venv
  touch "$stamp"
  for file in "$@"; do
    grep -qxF "$(stamp_of "$file")" "$stamp" || changed+=("$file")
  done
  if ((${#changed[@]} == 0)); then
    say ok ".venv"
    return
  fi
  install_requirements "$@"
  for file in "$@"; do
    { awk -v file="$file" '$NF != file' "$stamp" && stamp_of "$file"; } >"$WORK/stamp"
    cp "$WORK/stamp" "$stamp"
  done
}

# require_venv: for scripts that do not create it themselves.
require_venv() {
  [[ -x $PYTHON ]] || die "there is no .venv yet; ./infra_bash/deploy.sh makes it"
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
  # No source distributions: their setup.py would run with the rights of the person who deploys.
  "$PYTHON" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: "${files[@]}" >&2 ||
    die "pip could not install $*; its errors are above"
}

make_venv() {
  local python3
  python3=$(find_python3)
  # Debian has ensurepip, which every venv needs, in a separate package.
  "$python3" -c 'import ensurepip' 2>"$WORK/ensurepip" || install_python3_venv
  say create ".venv with $("$python3" --version)"
  "$python3" -m venv "$ROOT/.venv" >&2
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
