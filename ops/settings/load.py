"""Load the values of the settings: from the environment, else from the file, else the default.

`python -m ops.settings.load export SCRIPT FILE [--local | --settings]` checks them and prints what bash exports, each
ended by a NUL: NAME=VALUE, or NAME alone for a variable to unset. The third argument is how the stack was named.
`python -m ops.settings.load given FILE` prints the names that the file sets, and those that must be set.
An invalid setting ends either with exit code 2 and one line on stderr. It needs only the standard library: before the
first deploy nothing is installed.
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.settings.declarations import CREDENTIALS, EXAMPLE, REQUIRED, SETTINGS
from ops.settings.rules import check
from ops.settings.setting import InvalidSetting

NAMES = {setting.name for setting in SETTINGS}
USAGE_ERROR = 2


def load(file: Path, environment: Mapping[str, str], named: str = "") -> dict[str, str]:
    """Return every setting by name. Raises InvalidSetting at the first that is missing, unknown or invalid.

    `named` is the option that named the stack; without one the file may be missing where the environment has all
    settings that must be set.
    """
    given = _given(file, environment, named)
    values = {}
    for setting in SETTINGS:
        value = environment.get(setting.name, given.get(setting.name, setting.default))
        if setting.required and not value:
            line = f"add {setting.name}={setting.example} to {file} ({EXAMPLE} says what it is)"
            raise InvalidSetting(f"setting {setting.name} is missing; {line}")
        values[setting.name] = value
    values |= _credentials(given, environment)
    values["WAREHOUSE_READER_SECRET"] = (
        values["WAREHOUSE_READER_SECRET"] or f"{values['PROJECT']}-{values['STAGE']}-reader"
    )
    values["COMMAND_OPTIONS"] = values["COMMAND_OPTIONS"] or _options(file, named)
    check(values)
    return values


def read(file: Path) -> dict[str, str]:
    """Return the KEY=VALUE lines of `file`, which may be quoted. Nothing in them is run. Raises InvalidSetting."""
    values = {}
    for number, line in enumerate(os.fsdecode(file.read_bytes()).split("\n"), 1):
        text = line.removesuffix("\r")
        if re.fullmatch(r"\s*(#.*)?", text):
            continue
        pair = re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", text)
        if not pair or "\0" in text:
            raise InvalidSetting(f"{file}, line {number} is not KEY=VALUE")
        values[pair[1]] = _unquoted(pair[2])
    return values


def _given(file: Path, environment: Mapping[str, str], named: str) -> dict[str, str]:
    if not os.access(file, os.R_OK):
        if named or not all(environment.get(name) for name in REQUIRED):
            raise InvalidSetting(f"{file} is missing; {_remedy(named)}")
        return {}
    given = read(file)
    for name in given:
        if name not in NAMES:
            raise InvalidSetting(f"{name} in {file} is not a setting; {EXAMPLE} has them all")
    return given


def _options(file: Path, named: str) -> str:
    """Return the options that named the stack, as they are typed."""
    return f"{named} {shlex.quote(str(file))}" if named == "--settings" else named


def _remedy(named: str) -> str:
    if named == "--local":
        return "infra_bash/deploy.sh --local makes it"
    return f"copy {EXAMPLE} and fill it in, set {' '.join(REQUIRED)} in the environment, or use --local"


def _unquoted(text: str) -> str:
    """Return `text` without one pair of quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _credentials(given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the credentials of one source: the file's belong to its endpoint, so there the file wins as a whole."""
    source = given if given.get("AWS_ACCESS_KEY_ID") or given.get("AWS_PROFILE") else environment
    return {name: source.get(name, "") for name in CREDENTIALS}


def exported(values: Mapping[str, str]) -> list[str]:
    """Return what bash exports and unsets. An empty credential or endpoint must be unset for the AWS CLI."""
    unset = {*CREDENTIALS, "AWS_ENDPOINT_URL"}
    pairs = [name if name in unset and not value else f"{name}={value}" for name, value in values.items()]
    return [*pairs, f"AWS_DEFAULT_REGION={values['AWS_REGION']}"]


def _main(do: str, *arguments: str) -> None:
    if do == "given":
        [file] = map(Path, arguments)
        print("\n".join(sorted({*REQUIRED, *(read(file) if os.access(file, os.R_OK) else ())})))
        return
    script, path, *named = arguments
    try:
        values = load(Path(path), os.environ, *named)
    except InvalidSetting as error:
        print(f"{script}: {error}", file=sys.stderr)
        sys.exit(USAGE_ERROR)
    sys.stdout.buffer.write(b"".join(os.fsencode(each) + b"\0" for each in exported(values)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
