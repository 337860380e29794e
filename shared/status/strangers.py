"""What lies in the buckets' folders and is none of ours. The stages pass it over."""

from collections.abc import Iterator
from itertools import islice

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.listing import PAGE, is_foreign
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog

# More a person need not see at once.
MOST = 20


def strangers(run_log: RunLog, manifests: Manifests, newest: RunRecord | None) -> list[str]:
    """Return the URLs of up to MOST of them, among the first thousand keys of a folder and those of its last runs."""
    last = newest.run if newest else 0
    folders = ((run_log.bucket, keys.RUNS), (run_log.bucket, keys.PUBLISHED), (manifests.bucket, keys.MANIFESTS))
    found = (f"s3://{bucket.name}/{key}" for bucket, folder in folders for key in _in(bucket, folder, last))
    return list(islice(found, MOST))


def _in(bucket: Bucket, folder: str, last: int) -> Iterator[str]:
    looked_at = dict.fromkeys(islice(bucket.list(folder), PAGE))
    if len(looked_at) == PAGE:
        looked_at |= dict.fromkeys(islice(bucket.list(folder, after=f"{folder}{last:0{keys.DIGITS}d}"), PAGE))
    for key in looked_at:
        # The next run may have been committed meanwhile.
        beyond = folder == keys.RUNS and (keys.run_of(key) or 0) > last + 1
        if beyond or is_foreign(folder, key):
            yield key
