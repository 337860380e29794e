"""The declaration of a setting. Pure."""

import re
from dataclasses import dataclass


class InvalidSetting(Exception):
    """A setting is missing, unknown or invalid. The message says which, on one line."""


@dataclass(frozen=True)
class Form:
    """The form of a value: it must match `pattern` as a whole; `words` describe it to a person."""

    pattern: str
    words: str

    def accepts(self, value: str) -> bool:
        return re.fullmatch(self.pattern, value) is not None


ANY = Form(r"(?s:.*)", "any text")
YES_OR_NO = Form("yes|no", "yes or no")
SECONDS = Form("[1-9][0-9]*", "a number of seconds")
# Names of secrets become part of ARNs in policies, where * and ? would match other secrets as well.
SECRET = Form(r"[A-Za-z0-9/_+=.@-]{0,512}", "the name of a secret, of letters, digits and /_+=.@-")


@dataclass(frozen=True)
class Setting:
    """A setting, which settings.example.env shows with the value `example`. Unless it is required, that is its default.

    `about` is the comment above its line. `functions` are the nouns of the Lambda functions that have the setting in
    their environment. A credential has no default: without one, AWS's tools use their own.
    """

    name: str
    example: str = ""
    about: str = ""
    form: Form = ANY
    functions: tuple[str, ...] = ()
    required: bool = False
    credential: bool = False

    @property
    def default(self) -> str:
        return "" if self.required or self.credential else self.example
