"""An `aws` with given answers that records its calls, for what no emulator does."""

from pathlib import Path

PROGRAM = """#!/usr/bin/env bash
# Called as: aws --output json SERVICE OPERATION ...
cd {folder} || exit 1
printf '%s\\n' "$*" >>asked
at=$3.$4
printf . >>"$at.count"
# What a function answers goes into a file.
[[ $at != lambda.invoke ]] || exec >"${{!#}}"
answer=$at.$(wc -c <"$at.count")
[[ -e $answer ]] || answer=$at.last
if [[ ! -e $answer ]]; then
  printf '{{}}'
elif [[ $(<"$answer") == "An error"* ]]; then
  printf '\n%s\n' "$(<"$answer")" >&2
  exit 254
else
  cat "$answer"
fi
"""


class FakeAws:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.program = folder / "aws"
        self.program.write_text(PROGRAM.format(folder=folder))
        self.program.chmod(0o755)
        self.answers("sts get-caller-identity", "123456789012\tarn:aws:iam::123456789012:user/me")

    def answers(self, call: str, *answers: str) -> None:
        """Answer the calls of `SERVICE OPERATION` one after the other; the last answer repeats. `!Code` is an error."""
        place = self.folder / call.replace(" ", ".")
        for number, answer in enumerate(answers, start=1):
            said = f"An error occurred ({answer[1:]}) when calling it: {answer[1:]}" if answer[:1] == "!" else answer
            place.with_name(f"{place.name}.{number}").write_text(said)
            place.with_name(f"{place.name}.last").write_text(said)

    @property
    def asked(self) -> list[str]:
        """Return each call, from its service on."""
        return [line.removeprefix("--output json ") for line in (self.folder / "asked").read_text().splitlines()]

    def asked_for(self, call: str) -> list[str]:
        return [line for line in self.asked if line.startswith(call + " ") or line == call]
