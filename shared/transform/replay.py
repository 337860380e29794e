"""Replay runs of one target from their stored batches: make missing manifests, or compare existing ones."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from msgspec.structs import replace

from shared.aws.bucket import Bucket
from shared.errors import CorruptObject, MissingObject, Refused, Removed, TotestreamError, TransientError, error_code
from shared.lake import keys
from shared.lake.documents import Manifest, RunRecord
from shared.lake.manifests import Manifests
from shared.lake.parts import get_verified
from shared.lake.run_log import RunLog
from shared.transform.request import Do, TransformRequest
from shared.transform.run import TransformResult, existing_manifest, manifest_of, transform_run
from shared.transform.sqs_consumer import LONGEST_REASON, RESERVE_S
from shared.warehouse.registry import Target

# A function's answer can have 6 MB, and each run's part of it has a reason of at most LONGEST_REASON.
MOST_RUNS = 1000

ReplayOutcome = Literal[
    "made", "exists", "same", "differs", "missing", "not_expected", "no_such_run", "removed", "failed"
]
"""A manifest that `exists` was not compared; a `missing` one would be made by a replay. A run that was `removed`
because of its age can neither be made nor compared, nor is that needed: the warehouse has it."""

Difference = Literal["parts", "quarantine", "manifest"]
"""Which checksums differ; `manifest`: none of them, but something else in the manifest."""


@dataclass(frozen=True)
class ReplayResult:
    """What became of one run: facts only, shared/wording/replays.py makes sentences of them.

    `rows` and `quarantined` are those of a manifest that was made. `damages` are the errors of objects that the
    manifest names. `codes` are the code version that made the manifest and today's, where the two are not the same.
    `error` is an error's code and `reason` its message; `is_permanent` says that a transform of the run would fail
    again. `days` is the age at which the run was removed.
    """

    run: int
    outcome: ReplayOutcome
    rows: int = 0
    quarantined: int = 0
    differences: tuple[Difference, ...] = ()
    damages: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    error: str = ""
    reason: str = ""
    is_permanent: bool = False
    days: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Replay:
    """Replays, verifies or checks runs of one target, with the same dependencies as its queue's transforms."""

    target: Target
    run_log: RunLog
    ingestion: Bucket
    processed: Bucket
    manifests: Manifests
    code: str

    def answer(self, request: TransformRequest, time_left_s: Callable[[], float]) -> dict[str, Any]:
        """Return the results of as many runs as there is time for, and the `next` run. Raises Refused."""
        newest = self.run_log.newest()
        if newest is None:
            raise Refused("there is no run yet")
        runs = request.runs_of(newest.run)
        results = self.results(request.do, runs, time_left_s)
        return {
            "table": self.target.name,
            "log": newest.log,
            "results": [each.facts for each in results],
            "next": runs[len(results)] if len(results) < len(runs) else None,
            "last": runs[-1],
        }

    def results(self, do: Do, runs: Sequence[int], time_left_s: Callable[[], float]) -> list[ReplayResult]:
        """Return the results of `runs` in order, until time runs out; at least one. Raises nothing."""
        done: list[ReplayResult] = []
        for run in runs[:MOST_RUNS]:
            if done and time_left_s() < RESERVE_S:
                break
            done.append(self._result(do, run))
        return done

    def transform(self, run: int) -> TransformResult:
        """Transform `run`. Raises as transform_run."""
        return transform_run(
            self.target,
            run,
            run_log=self.run_log,
            ingestion=self.ingestion,
            processed=self.processed,
            manifests=self.manifests,
            code=self.code,
        )

    def replay(self, run: int) -> ReplayResult:
        """Make the manifest of `run` unless it exists."""
        result = self.transform(run)
        if result.outcome == "made":
            return ReplayResult(run, "made", result.rows, result.quarantined)
        return ReplayResult(run, result.outcome)

    def verify(self, record: RunRecord) -> ReplayResult:
        """Compute the manifest again in memory, compare it, and read the objects that it names. Writes nothing."""
        existing = existing_manifest(self.manifests, self.target, record)
        now = self._recomputed(record)
        if existing is None:
            return ReplayResult(record.run, "missing")
        found, damages = differences(existing, now), self._damages(existing)
        return ReplayResult(
            record.run,
            "differs" if found or damages else "same",
            differences=found,
            damages=damages,
            codes=() if existing.code == now.code else (existing.code, now.code),
        )

    def check(self, record: RunRecord) -> ReplayResult:
        """Return what a transform of the run would come to. Writes nothing."""
        if existing_manifest(self.manifests, self.target, record):
            return ReplayResult(record.run, "exists")
        self._recomputed(record)
        return ReplayResult(record.run, "missing")

    def _result(self, do: Do, run: int) -> ReplayResult:
        """Return what became of one run; an error becomes a result, so that the next runs are done."""
        try:
            return self.replay(run) if do == "replay" else self._compared(do, run)
        except Removed as error:
            return ReplayResult(run, "removed", **_facts(error), is_permanent=True, days=error.days)
        except MissingObject as error:
            outcome: ReplayOutcome = "no_such_run" if error.key == keys.run_key(run) else "failed"
            return ReplayResult(run, outcome, **_facts(error), is_permanent=True)
        except TotestreamError as error:
            return ReplayResult(run, "failed", **_facts(error), is_permanent=not isinstance(error, TransientError))
        except Exception as error:  # noqa: BLE001 - a bug: its text may hold rows, so only its name goes on
            return ReplayResult(run, "failed", error=error_code(error), is_permanent=True)

    def _compared(self, do: Do, run: int) -> ReplayResult:
        record = self.run_log.get(run)
        if self.target.name not in record.targets:
            return ReplayResult(run, "not_expected")
        return self.verify(record) if do == "verify" else self.check(record)

    def _recomputed(self, record: RunRecord) -> Manifest:
        return manifest_of(self.target, record, self.run_log, self.ingestion, _store_nothing, self.code)

    def _damages(self, manifest: Manifest) -> tuple[str, ...]:
        """Return the error of each object that the manifest names and that is missing or corrupt."""
        named = [(part.key, part.sha256) for part in manifest.parts]
        if manifest.quarantined:
            named.append((manifest.quarantined.key, manifest.quarantined.sha256))
        return tuple(text for key, sha256 in named if (text := self._damage(key, sha256)))

    def _damage(self, key: str, sha256: str) -> str:
        try:
            get_verified(self.processed, key, sha256)
        except (MissingObject, CorruptObject) as error:
            return str(error)
        return ""


def differences(existing: Manifest, now: Manifest) -> tuple[Difference, ...]:
    """Return what differs between a manifest and a recomputed one.

    The code that made it is no difference, nor is, of another code, the declaration that it was made under.
    """
    found: list[Difference] = []
    if [part.sha256 for part in existing.parts] != [part.sha256 for part in now.parts]:
        found.append("parts")
    if _quarantine(existing) != _quarantine(now):
        found.append("quarantine")
    labels = {} if existing.code == now.code else {"code": now.code, "declaration": now.declaration}
    # Manifests of older versions have no attempt.
    labels |= {} if existing.attempt else {"attempt": now.attempt}
    if not found and replace(existing, **labels) != now:
        found.append("manifest")
    return tuple(found)


def _facts(error: TotestreamError) -> dict[str, Any]:
    return {"error": error.code, "reason": str(error)[:LONGEST_REASON]}


def _quarantine(manifest: Manifest) -> str:
    return manifest.quarantined.sha256 if manifest.quarantined else ""


def _store_nothing(key: str, body: bytes) -> None:
    """Discard an object: the store of a comparison, which writes nothing."""
