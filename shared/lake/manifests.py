"""The manifests in the processed bucket: what was transformed."""

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.lake.documents import Manifest, decode, encode

Place = tuple[int, str]
"""(run, warehouse table)"""


class Manifests:
    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def get(self, run: int, table: str) -> Manifest:
        """Raises MissingObject, BadDocument."""
        key = keys.manifest_key(run, table)
        return decode(self.bucket.get(key), Manifest, key)

    def create(self, manifest: Manifest) -> bool:
        """Write it, last of all. False when there is one already that says something else: that one stands."""
        return self.bucket.create(keys.manifest_key(manifest.run, manifest.table), encode(manifest))

    def tables_of(self, run: int) -> set[str]:
        """The tables that have a manifest of this run."""
        folder = keys.manifest_key(run, "").rsplit("/", 1)[0]
        return {place_of(key)[1] for key in self.bucket.list(f"{folder}/")}

    def places_since(self, run: int) -> set[Place]:
        """Where there is a manifest of a run after `run`."""
        after = keys.manifest_key(run, "~")  # "~" sorts behind every table's name
        return {place_of(key) for key in self.bucket.list(keys.MANIFESTS, after=after)}


def place_of(key: str) -> Place:
    return keys.run_of(key), key.rsplit("/", 1)[-1].removesuffix(".json")
