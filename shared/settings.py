"""What deploy.sh tells a function through its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import BadSetting
from shared.names import Names
from shared.topology import CODE_VERSION_FILE

# What is asked for again has so long to arrive: a minute until watch looks, one until the loader does, and in between
# a transform that may wait for its turn and try again.
ROAD_S = 300
PACKAGE = Path(__file__).resolve().parents[1]


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
        return Names(self["PROJECT"], self["STAGE"], self["AWS_REGION"], self["ACCOUNT_ID"])

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
        return self.get("DATABASE_PLAINTEXT", "no") == "yes"
