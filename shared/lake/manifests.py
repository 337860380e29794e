"""The manifests in the processed bucket: what was transformed."""

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.lake.documents import Manifest, decode, encode
from shared.lake.listing import ours

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
        return {place[1] for key in self.bucket.list(f"{folder}/") if (place := keys.place_of(key))}

    def places_since(self, run: int) -> set[Place]:
        """Where there is a manifest of a run after `run`."""
        after = keys.manifest_key(run, "~")  # "~" sorts behind every table's name
        return set(ours(self.bucket, keys.MANIFESTS, after, keys.place_of))

    def last_run(self, after: int) -> int:
        """The last run after `after` that has a manifest; `after` where none has."""
        return max((run for run, _ in self.places_since(after)), default=after)
