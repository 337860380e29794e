"""All settings, in the order of settings.example.env, and lists that follow from their declarations. Pure.

A new setting is one declaration, in stack.py, databases.py or operation.py; `python -m ops.settings.example` then
writes the example file. This package needs only the standard library, because it runs before anything is installed.
"""

from collections.abc import Mapping

from ops.settings.databases import DATABASES
from ops.settings.operation import OPERATION
from ops.settings.setting import SECRET
from ops.settings.stack import STACK

EXAMPLE = "settings.example.env"
SETTINGS = (*STACK, *DATABASES, *OPERATION)
REQUIRED = tuple(setting.name for setting in SETTINGS if setting.required)
CREDENTIALS = tuple(setting.name for setting in SETTINGS if setting.credential)
SECRETS = tuple(setting.name for setting in SETTINGS if setting.form is SECRET)


def example_values() -> dict[str, str]:
    """Return the value that settings.example.env shows for each setting, by name."""
    return {setting.name: setting.example for setting in SETTINGS}


def environment(noun: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return those of `values` that the function `noun` has in its environment; '' for one that is not set."""
    return {setting.name: values.get(setting.name, "") for setting in SETTINGS if noun in setting.functions}
