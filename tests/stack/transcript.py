"""What a script asks of AWS, as the AWS CLI itself writes it down: `aws history` of versions 1 and 2."""

import json
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from tests.infra import service_models

# Made by chance in each stack: ids, passwords, ports, a webhook.
BY_CHANCE = re.compile(
    r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b|\"port\\*\": \d+|127\.0\.0\.1:\d+|/services/[\w/]+"
)
# How S3 gets a file: each version has its own checksums, and names the file by an address in its memory.
OF_AN_UPLOAD = {"Body", "ChecksumAlgorithm", "ChecksumCRC32", "ChecksumCRC64NVME"}


def to(file: Path) -> dict[str, str]:
    """The environment in which the AWS CLI writes its calls into `file`."""
    config = file.with_suffix(".config")
    config.write_text("[default]\ncli_history = enabled\n")
    return {"AWS_CONFIG_FILE": str(config), "AWS_CLI_HISTORY_FILE": str(file)}


def requests(file: Path) -> list[dict[str, Any]]:
    """Each call's `service`, `operation` and `params`."""
    with sqlite3.connect(file) as history:
        rows = history.execute("SELECT payload FROM records WHERE event_type = 'API_CALL'").fetchall()
    history.close()
    assert rows, "the AWS CLI has not written its calls down: its Python lacks sqlite3"
    return [json.loads(payload) for (payload,) in rows]


def faults(file: Path) -> list[str]:
    """What in these calls does not fit the models of their services."""
    return [
        fault
        for call in requests(file)
        for fault in service_models.faults(call["service"], call["operation"], call["params"])
    ]


def calls(file: Path) -> Counter[str]:
    """Service, operation and parameters, with how often; a function is asked again until it has what is awaited."""
    counts = Counter(map(_line, requests(file)))
    return Counter({line: 1 if line.startswith("lambda Invoke ") else count for line, count in counts.items()})


def differing(one: Path, other: Path) -> list[str]:
    """What only one of them asked, or more often."""
    first, second = calls(one), calls(other)
    return sorted((first - second) + (second - first))


def _line(call: dict[str, Any]) -> str:
    params = json.dumps(_plain(call["params"]), sort_keys=True)
    return f"{call['service']} {call['operation']} {BY_CHANCE.sub('…', params)}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name not in OF_AN_UPLOAD}
    return [_plain(each) for each in value] if isinstance(value, list) else value
