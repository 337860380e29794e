"""What deploy.sh tells a function through its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import BadSetting
from shared.names import Names

# What is asked for again has so long to arrive: a minute until watch looks, one until the loader does, and in between
# a transform that may wait for its turn and try again.
ROAD_S = 300
# Where a function reads which code it is: digits of the hash of all else in the package.
CODE_VERSION_FILE = "code-version"
PACKAGE = Path(__file__).resolve().parents[1]
# An endpoint of this machine, written as nothing else can be read: no user, no path, no other host that begins like it.
# infra_bash/lib/settings.sh has the same.
OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
LOOPBACK = re.compile(rf"https?://(localhost|127(\.{OCTET}){{3}}|\[::1\])(:[0-9]{{1,5}})?/?")
PLAINTEXT_FIX = "set DATABASE_PLAINTEXT=no and run deploy.sh"


@dataclass(frozen=True)
class Settings:
    """A function's environment, read once at its edge."""

    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        value = self.values.get(name, "")
        if not value:
            raise BadSetting(f"setting {name}", "is missing from the function's environment", "run deploy.sh")
        return value

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name) or default

    @property
    def names(self) -> Names:
        # An update changes the code before the environment, and what was deployed before PARTITION is of `aws`.
        region, account, partition = self["AWS_REGION"], self["ACCOUNT_ID"], self.get("PARTITION", "aws")
        return Names(self["PROJECT"], self["STAGE"], region, account, partition)

    @property
    def code(self) -> str:
        """Which package this is: it says so itself, so that code and label change in one call."""
        label = PACKAGE / CODE_VERSION_FILE
        return label.read_text() if label.exists() else "checkout"

    @property
    def reask_after_s(self) -> float:
        """The age at which watch asks again for a manifest that is missing."""
        return float(self.get("REASK_AFTER_S", "600"))

    @property
    def freshness_objective_s(self) -> float:
        """The age at which watch calls a person."""
        return float(self.get("FRESHNESS_OBJECTIVE_S", "300"))

    @property
    def patience_s(self) -> float:
        """The age at which the loader goes on without a fact's manifest: what watch has asked for could have come."""
        return self.reask_after_s + ROAD_S

    @property
    def retention_days(self) -> int | None:
        """The age at which what is loaded goes from the buckets; None where it never does."""
        days = self.get("RETENTION_DAYS")
        return int(days) if days else None

    @property
    def plaintext(self) -> bool:
        """Whether databases are spoken to without TLS. Raises BadSetting where that is not the local stack's."""
        if self.get("DATABASE_PLAINTEXT", "no") != "yes":
            return False
        if not LOOPBACK.fullmatch(self.get("AWS_ENDPOINT_URL")):
            problem = "is yes, which is for the local stack, and AWS_ENDPOINT_URL is not of this machine"
            raise BadSetting("DATABASE_PLAINTEXT", problem, PLAINTEXT_FIX)
        if self.get("DATABASE_CA"):
            raise BadSetting("DATABASE_PLAINTEXT", "is yes, and DATABASE_CA asks for TLS", PLAINTEXT_FIX)
        return True
