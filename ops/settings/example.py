"""The files made from the declarations: settings.example.env, and the environment of the workflows that deploy.

`python -m ops.settings.example` writes them.
"""

import re
from pathlib import Path

from ops.settings.declarations import EXAMPLE, REQUIRED, SETTINGS
from ops.settings.setting import Setting

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ("deploy.yml", "plan.yml")
HEAD = f"""\
# Every setting, with what it is for. Copy to settings.env and fill in. The environment wins over the file.
# A line is KEY=VALUE, the value in quotes or not; nothing in it is executed, and a # in it is part of the value.
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


def workflow(text: str) -> str:
    """Return the text of a workflow with each setting that a repository's variable can set in its environment."""
    # A workflow has a role instead of credentials, and deploys to AWS.
    names = [each.name for each in SETTINGS if not each.credential and each.name != "AWS_ENDPOINT_URL"]
    lines = "".join(f"      {name}: ${{{{ vars.{name} }}}}\n" for name in names)
    return re.sub(r"(?:^      [A-Z_]+: \$\{\{ vars\.[A-Z_]+ \}\}\n)+", lines, text, flags=re.MULTILINE)


def _main() -> None:
    (ROOT / EXAMPLE).write_text(example())
    for name in WORKFLOWS:
        path = ROOT / ".github/workflows" / name
        path.write_text(workflow(path.read_text()))


if __name__ == "__main__":
    _main()
