"""A function's settings, which deploy.sh puts into its environment. ops/settings declares them, with their defaults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.errors import BadSetting
from shared.names import Names

# The time that a republished message needs to become a manifest: a minute until watch runs, one until the loader does,
# and in between a transform, which may be queued and retried.
REPUBLISHED_S = 300
# The file of the package with its version: digits of the hash of all other files in it.
CODE_VERSION_FILE = "code-version"
PACKAGE = Path(__file__).resolve().parents[1]
# An endpoint on this machine, in a form that no client reads otherwise: no user, no path, no longer host name.
OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
LOOPBACK = re.compile(rf"https?://(localhost|127(\.{OCTET}){{3}}|\[::1\])(:[0-9]{{1,5}})?/?")
PLAINTEXT_FIX = "set DATABASE_PLAINTEXT=no and run deploy.sh"


@dataclass(frozen=True)
class Settings:
    """The environment of a function."""

    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """Return a setting that must be there. Raises BadSetting."""
        value = self.values.get(name, "")
        if not value:
            raise BadSetting(f"setting {name}", "is missing from the function's environment", "run deploy.sh")
        return value

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name) or default

    @property
    def names(self) -> Names:
        # An update replaces the code before the environment: a stack older than PARTITION is in `aws`.
        region, account, partition = self["AWS_REGION"], self["ACCOUNT_ID"], self.get("PARTITION", "aws")
        return Names(self["PROJECT"], self["STAGE"], region, account, partition)

    @property
    def code(self) -> str:
        """Return the version of the code. The package contains it, so that both change in one call."""
        label = PACKAGE / CODE_VERSION_FILE
        return label.read_text() if label.exists() else "checkout"

    @property
    def reask_after_s(self) -> float:
        """Return the age of a run from which watch republishes the messages of its missing manifests."""
        return float(self["REASK_AFTER_S"])

    @property
    def freshness_objective_s(self) -> float:
        """Return the age of the warehouse from which watch sends an alert."""
        return float(self["FRESHNESS_OBJECTIVE_S"])

    @property
    def account_expires(self) -> datetime | None:
        """Return when the account ends, in UTC with its zone; None when it does not."""
        at = self.get("ACCOUNT_EXPIRES")
        return datetime.fromisoformat(at) if at else None

    @property
    def command_options(self) -> str:
        """Return the options that name this stack in a command, as its deploy had them; '' without any."""
        return self.get("COMMAND_OPTIONS")

    @property
    def grace_period_s(self) -> float:
        """Return the age of a run from which the loader no longer waits for a fact's manifest."""
        return self.reask_after_s + REPUBLISHED_S

    @property
    def retention_days(self) -> int | None:
        """Return the age at which loaded data is deleted from the buckets, or None for never."""
        days = self.get("RETENTION_DAYS")
        return int(days) if days else None

    @property
    def plaintext(self) -> bool:
        """Return whether to connect to databases without TLS. Raises BadSetting anywhere but on the local stack."""
        if self.get("DATABASE_PLAINTEXT", "no") != "yes":
            return False
        if not LOOPBACK.fullmatch(self.get("AWS_ENDPOINT_URL")):
            problem = "is yes, which is for the local stack, and AWS_ENDPOINT_URL is not of this machine"
            raise BadSetting("DATABASE_PLAINTEXT", problem, PLAINTEXT_FIX)
        if self.get("DATABASE_CA"):
            raise BadSetting("DATABASE_PLAINTEXT", "is yes, and DATABASE_CA asks for TLS", PLAINTEXT_FIX)
        return True
