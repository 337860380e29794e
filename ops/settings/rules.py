"""The rules about several settings, or about this machine. AWS would report a fault later and less clearly."""

import os
import re
from collections.abc import Mapping
from datetime import datetime

from ops.settings import schedule
from ops.settings.declarations import SECRETS, SETTINGS
from ops.settings.setting import InvalidSetting
from shared.settings import LOOPBACK

# With it the longest name that contains PROJECT and STAGE has the 64 characters that a role's name may have.
LONGEST_STACK = 29
SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}


def check(values: Mapping[str, str]) -> None:
    """Raise InvalidSetting for the first setting of `values` (all of them, by name) that is invalid."""
    for setting in SETTINGS:
        if not setting.form.accepts(values.get(setting.name, "")):
            raise InvalidSetting(f"{setting.name} is '{values[setting.name]}'; it must be {setting.form.words}")
    for rule in (_length, _secrets, _python, _schedules, _objective, _network, _plaintext, _authority, _expiry):
        if problem := rule(values):
            raise InvalidSetting(problem)


def _length(values: Mapping[str, str]) -> str:
    if len(values["PROJECT"] + values["STAGE"]) <= LONGEST_STACK:
        return ""
    return f"PROJECT and STAGE are too long; together they may have {LONGEST_STACK} letters"


def _secrets(values: Mapping[str, str]) -> str:
    reader = values["WAREHOUSE_READER_SECRET"]
    for name in SECRETS:
        if name != "WAREHOUSE_READER_SECRET" and values[name] == reader:
            return (
                f"WAREHOUSE_READER_SECRET is '{reader}', as {name} is; a deploy writes into it, so it must be another"
            )
    return ""


def _python(values: Mapping[str, str]) -> str:
    if values["LAMBDA_PYTHON"] != "3.11" or values["AWS_ENDPOINT_URL"]:
        return ""
    return "LAMBDA_PYTHON is 3.11, whose glibc on AWS is too old for numpy and pandas; set 3.12 or 3.13"


def _schedules(values: Mapping[str, str]) -> str:
    for name in ("EXTRACT_SCHEDULE", "LOAD_SCHEDULE", "RECONCILE_SCHEDULE"):
        if problem := schedule.problem(values[name]):
            return f"{name} is '{values[name]}'; {problem}"
    return ""


def _objective(values: Mapping[str, str]) -> str:
    """Return a problem if the objective is shorter than a schedule's interval: an incident would begin and end between
    two runs. A cron(…) is not evaluated."""
    objective = values["FRESHNESS_OBJECTIVE_S"]
    for name in ("EXTRACT_SCHEDULE", "LOAD_SCHEDULE"):
        rate = re.fullmatch(r"rate\(([0-9]+) (minute|hour|day)s?\)", values[name])
        interval_s = int(rate[1]) * SECONDS[rate[2]] if rate else 0
        if int(objective) <= interval_s:
            return (
                f"FRESHNESS_OBJECTIVE_S is {objective}, and {name} is {values[name]}; "
                f"make it longer than these {interval_s} seconds"
            )
    return ""


def _network(values: Mapping[str, str]) -> str:
    if not values["SUBNET_IDS"] or values["SECURITY_GROUP_IDS"]:
        return ""
    return "SUBNET_IDS is set and SECURITY_GROUP_IDS is not; set both"


def _plaintext(values: Mapping[str, str]) -> str:
    """Return a problem if plaintext is not for the local stack. shared/settings.py checks the same in the functions."""
    if values["DATABASE_PLAINTEXT"] != "yes":
        return ""
    if not LOOPBACK.fullmatch(values["AWS_ENDPOINT_URL"]):
        return (
            "DATABASE_PLAINTEXT is yes, which is for the local stack, "
            "and AWS_ENDPOINT_URL is not on this machine; set no"
        )
    return (
        "DATABASE_PLAINTEXT is yes, and DATABASE_CA is set, which asks for TLS; set no" if values["DATABASE_CA"] else ""
    )


def _authority(values: Mapping[str, str]) -> str:
    file = values["DATABASE_CA"]
    return f"DATABASE_CA names {file}, which cannot be read" if file and not os.access(file, os.R_OK) else ""


def _expiry(values: Mapping[str, str]) -> str:
    try:
        datetime.fromisoformat(values["ACCOUNT_EXPIRES"] or "2000-01-01")
    except ValueError as error:
        return f"ACCOUNT_EXPIRES is {values['ACCOUNT_EXPIRES']}: {error}"
    return ""
