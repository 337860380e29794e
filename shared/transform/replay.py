"""Runs of one target done again from their landed batches: what lacks is made, or what is there is compared."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from msgspec.structs import replace

from shared.aws.bucket import Bucket
from shared.errors import CorruptObject, MissingObject, Refused, Removed, TotestreamError, TransientError
from shared.lake import keys
from shared.lake.documents import Manifest, RunRecord
from shared.lake.manifests import Manifests
from shared.lake.parts import get_verified
from shared.lake.run_log import RunLog
from shared.transform.deliveries import LONGEST_REASON, RESERVE_S
from shared.transform.request import Do, TransformRequest
from shared.transform.run import TransformResult, manifest_of, standing_manifest, transform_run
from shared.warehouse.registry import Target

# A function's answer may have 6 MB, and a run's part of it has a reason of LONGEST_REASON at most.
MOST_RUNS = 1000

What = Literal[
    "made", "there already", "same", "differs", "missing", "not expected", "no such run", "removed", "failed"
]
"""`there already` was not looked at; `missing` is what a transform would make now; of what was `removed` by its age
nothing can be made or compared, nor need be: the warehouse has it."""

WHAT: dict[str, What] = {
    "table was transformed": "made",
    "table was transformed before": "there already",
    "table is not expected of this run": "not expected",
}


@dataclass(frozen=True)
class Replayed:
    """What became of one run. `error` is a class; `again` says that a transform of it would fail like this again.
    `days` is the age at which it was removed."""

    run: int
    what: What
    words: str = ""
    error: str = ""
    again: bool = False
    days: int | None = None


@dataclass(frozen=True)
class Replays:
    """Takes runs of one target. What they are made with is what its messages are transformed with."""

    target: Target
    run_log: RunLog
    ingestion: Bucket
    processed: Bucket
    manifests: Manifests
    code: str

    def answer(self, request: TransformRequest, time_left_s: Callable[[], float]) -> dict[str, Any]:
        """What became of as many of the runs as there was time for, and which is `next`. Raises Refused."""
        newest = self.run_log.newest()
        if newest is None:
            raise Refused("there is no run yet")
        runs = request.runs_of(newest.run)
        taken = self.take(request.do, runs, time_left_s)
        return {
            "table": self.target.name,
            "log": newest.log,
            "taken": [asdict(each) for each in taken],
            "next": runs[len(taken)] if len(taken) < len(runs) else None,
            "last": runs[-1],
        }

    def transform(self, run: int) -> TransformResult:
        return transform_run(
            self.target,
            run,
            run_log=self.run_log,
            ingestion=self.ingestion,
            processed=self.processed,
            manifests=self.manifests,
            code=self.code,
        )

    def replay(self, run: int) -> Replayed:
        """Its manifest is made when there is none."""
        outcome = self.transform(run)
        made = f"{outcome.rows} rows, {outcome.quarantined} quarantined" if WHAT[outcome.phrase] == "made" else ""
        return Replayed(run, WHAT[outcome.phrase], made)

    def verify(self, record: RunRecord) -> Replayed:
        """Its manifest is made anew and compared, and what it names is read. Nothing is written."""
        standing = standing_manifest(self.manifests, self.target, record)
        now = self._recomputed(record)
        if standing is None:
            return Replayed(record.run, "missing")
        found = [*differences(standing, now), *self._damages(standing)]
        words = [*found, *([] if standing.code == now.code else [f"code {standing.code} made it, this is {now.code}"])]
        return Replayed(record.run, "differs" if found else "same", "; ".join(words))

    def judge(self, record: RunRecord) -> Replayed:
        """What a transform of it would come to. Nothing is written."""
        if standing_manifest(self.manifests, self.target, record):
            return Replayed(record.run, "there already")
        self._recomputed(record)
        return Replayed(record.run, "missing")

    def take(self, do: Do, runs: Sequence[int], time_left_s: Callable[[], float]) -> list[Replayed]:
        """Those that there is time for, in order, and the first whatever the time. Raises nothing."""
        done: list[Replayed] = []
        for run in runs[:MOST_RUNS]:
            if done and time_left_s() < RESERVE_S:
                break
            done.append(self._taken(do, run))
        return done

    def _taken(self, do: Do, run: int) -> Replayed:
        """One that cannot be done does not stop the next."""
        try:
            return self.replay(run) if do == "replay" else self._looked_at(do, run)
        except Removed as error:
            return Replayed(run, "removed", str(error), type(error).__name__, again=True, days=error.days)
        except MissingObject as error:
            what: What = "no such run" if error.key == keys.run_key(run) else "failed"
            return Replayed(run, what, str(error), type(error).__name__, again=True)
        except TotestreamError as error:
            again = not isinstance(error, TransientError)
            return Replayed(run, "failed", str(error)[:LONGEST_REASON], type(error).__name__, again)
        except Exception as error:  # noqa: BLE001 - a bug: its text may hold rows, only its name is told
            return Replayed(run, "failed", "unexpectedly, see the function's code", type(error).__name__, again=True)

    def _looked_at(self, do: Do, run: int) -> Replayed:
        record = self.run_log.get(run)
        if self.target.name not in record.targets:
            return Replayed(run, "not expected")
        return self.verify(record) if do == "verify" else self.judge(record)

    def _recomputed(self, record: RunRecord) -> Manifest:
        return manifest_of(self.target, record, self.run_log, self.ingestion, _keep_nothing, self.code)

    def _damages(self, standing: Manifest) -> list[str]:
        """What the manifest names and the bucket does not hold."""
        named = [(part.key, part.sha256) for part in standing.parts]
        if standing.quarantined:
            named.append((standing.quarantined.key, standing.quarantined.sha256))
        return [text for key, sha256 in named if (text := self._damage(key, sha256))]

    def _damage(self, key: str, sha256: str) -> str:
        try:
            get_verified(self.processed, key, sha256)
        except Removed:
            raise
        except (MissingObject, CorruptObject) as error:
            return str(error)
        return ""


def differences(standing: Manifest, now: Manifest) -> list[str]:
    """What another transform says otherwise. Who made it is no difference, and nor is, of another code, under which
    declaration.
    """
    found = []
    if [part.sha256 for part in standing.parts] != [part.sha256 for part in now.parts]:
        found.append("the checksums of its parts differ")
    if _quarantine(standing) != _quarantine(now):
        found.append("the checksum of its quarantine differs")
    labels = {} if standing.code == now.code else {"code": now.code, "declaration": now.declaration}
    # Older ones do not say for which record they stand.
    labels |= {} if standing.attempt else {"attempt": now.attempt}
    if not found and replace(standing, **labels) != now:
        found.append("the manifest differs, its checksums do not")
    return found


def _quarantine(manifest: Manifest) -> str:
    return manifest.quarantined.sha256 if manifest.quarantined else ""


def _keep_nothing(key: str, body: bytes) -> None:
    """The store of who only wants to know."""
