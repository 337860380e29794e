"""The text of settings.example.env, made from the declarations. `python -m ops.settings.example` writes the file."""

from pathlib import Path

from ops.settings.declarations import EXAMPLE, REQUIRED, SETTINGS
from ops.settings.setting import Setting

ROOT = Path(__file__).resolve().parents[2]
HEAD = f"""\
# Every setting, with what it is for. Copy to settings.env and fill in. The environment wins over the file.
# A line is KEY=VALUE, the value in quotes or not; nothing in it is run, and a # after it belongs to it.
# {", ".join(REQUIRED[:-1])} and {REQUIRED[-1]} must be set; the rest may
# be left out and then has the value shown here. Made from ops/settings; change it there.
"""


def example() -> str:
    return HEAD + "".join(map(_lines, SETTINGS))


def _lines(setting: Setting) -> str:
    """Return the line of a setting; one with a comment begins a paragraph."""
    line = f"{setting.name}={setting.example}\n"
    if not setting.about:
        return line
    return "\n" + "".join(f"# {each}\n" for each in setting.about.strip("\n").split("\n")) + line


if __name__ == "__main__":
    (ROOT / EXAMPLE).write_text(example())
