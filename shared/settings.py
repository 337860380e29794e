"""What deploy.sh tells a function through its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import BadSetting
from shared.names import Names


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
        return self["CODE_VERSION"]

    @property
    def plaintext(self) -> bool:
        return self.get("DATABASE_PLAINTEXT", "no") == "yes"
