"""Read and write the manifests in the processed bucket, which say what was transformed."""

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
        """Return the manifest. Raises MissingObject, BadDocument."""
        key = keys.manifest_key(run, table)
        return decode(self.bucket.get(key), Manifest, key)

    def create(self, manifest: Manifest) -> bool:
        """Create the manifest; return False when a different one exists, which stays."""
        return self.bucket.create(keys.manifest_key(manifest.run, manifest.table), encode(manifest))

    def tables_of(self, run: int) -> set[str]:
        """Return the tables that have a manifest of this run."""
        folder = keys.manifest_key(run, "").rsplit("/", 1)[0]
        return {place[1] for key in self.bucket.list(f"{folder}/") if (place := keys.place_of(key))}

    def places_since(self, run: int) -> set[Place]:
        """Return the run and table of each manifest of a run after `run`."""
        after = keys.manifest_key(run, "~")  # "~" sorts behind every table's name
        return set(ours(self.bucket, keys.MANIFESTS, after, keys.place_of))

    def last_run(self, after: int) -> int:
        """Return the last run after `after` that has a manifest, or `after`."""
        return max((run for run, _ in self.places_since(after)), default=after)
