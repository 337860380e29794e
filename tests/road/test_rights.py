"""Who writes which object: what each stage really writes is what its role may write, and no other role may."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import boto3
import pytest

from conftest import Database
from ops.stack import resource_policies, role_policies
from ops.stack.topology import BUCKETS
from shared.aws.bucket import S3Bucket
from shared.lake import keys
from shared.warehouse.registry import TARGETS
from shared.watch.lake import WatchMemory, read_lake
from shared.watch.observation import Depths
from shared.watch.republish import RepublishDependencies, republish_missing
from shared.watch.watch import WatchDependencies, watch
from tests.iam import is_allowed
from tests.infra.stubs import NAMES, SETTINGS
from tests.road.road import Heard, Road

pytestmark = pytest.mark.fast

ROLES = role_policies.role_policies(NAMES, SETTINGS, TARGETS)
OF_BUCKETS = [policy for noun in BUCKETS if (policy := resource_policies.bucket_policy(NAMES, noun, True, True))]
PUT = "s3:PutObject"
# What S3 says of a request: over TLS, and with or without the header If-None-Match.
PLAIN = {"aws:SecureTransport": "true"}
CREATE = PLAIN | {"s3:if-none-match": "*"}


class Write(NamedTuple):
    role: str
    arn: str
    is_create: bool

    def is_allowed_to(self, role: str) -> bool:
        return is_allowed(PUT, self.arn, CREATE if self.is_create else PLAIN, ROLES[role], *OF_BUCKETS)


@dataclass
class Noting:
    """S3, and what was put by the role that is at work."""

    s3: Any
    role: str = ""
    writes: set[Write] = field(default_factory=set)

    def put_object(self, **request: Any) -> Any:
        arn = f"arn:aws:s3:::{request['Bucket']}/{request['Key']}"
        self.writes.add(Write(self.role, arn, request.get("IfNoneMatch") == "*"))
        return self.s3.put_object(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.s3, name)


class Notification:
    """Alerts and metrics that nobody hears."""

    def publish(self, texts: list[str], subject: str = "") -> None: ...

    def put(self, numbers: object) -> None: ...


def look(road: Road) -> None:
    """The function watch, an hour later: something is wrong by then."""
    late = datetime.now(UTC) + timedelta(hours=1)
    asking = RepublishDependencies(
        run_log=road.run_log,
        manifests=road.manifests,
        topic=Heard(),
        depths=lambda table: Depths(),
        targets=TARGETS,
        grace_period=timedelta(minutes=10),
    )
    memory = WatchMemory()
    lake = read_lake(road.run_log, memory, lambda: late)
    republish_missing(asking, lake, memory)
    outside = WatchDependencies(
        run_log=road.run_log,
        alerts=Notification(),
        metrics=Notification(),
        dead_letters=lambda tables: dict.fromkeys(tables, 0),
        messages=lambda tables: dict.fromkeys(tables, 0),
        targets=TARGETS,
        objective=timedelta(minutes=5),
        stack=NAMES.prefix,
        region=NAMES.region,
    )
    watch(outside, lake, memory)


@pytest.fixture
def writes(trading: Database, warehouse: Database, ingestion: S3Bucket, processed: S3Bucket) -> set[Write]:
    """Of one round of every stage, with a payment that is quarantined."""
    s3 = Noting(boto3.client("s3"))
    road = Road(trading, warehouse, S3Bucket(ingestion.name, s3), S3Bucket(processed.name, s3))
    road.migrate()
    road.source.run("UPDATE payment SET payment_date = '2024-02-30' WHERE payment_id = 3")
    s3.role = NAMES.function("extract")
    road.extract()
    messages, road.topic.messages = road.topic.messages, []
    for target in TARGETS.values():
        s3.role = NAMES.transform(target.name)
        for message in messages:
            if message.table in target.sources:
                road.transform(message.run, target)
    s3.role = NAMES.function("load")
    road.load()
    s3.role = NAMES.function("watch")
    look(road)
    return s3.writes


def test_each_role_may_write_what_its_stage_writes_and_no_other_role_may(writes: set[Write]) -> None:
    """Each right was used, too; of the tables, one alone had rows for quarantine."""
    assert [write for write in writes if not write.is_allowed_to(write.role)] == []
    assert [
        (write, role) for write in writes for role in ROLES if role != write.role and write.is_allowed_to(role)
    ] == []
    unused = {
        resource.split("/", 1)[1]
        for role, policy in ROLES.items()
        for statement in policy["Statement"]
        if PUT in statement["Action"]
        for resource in statement["Resource"]
        if not [write for write in writes if write.role == role and fnmatchcase(write.arn, resource)]
    }
    assert unused == {f"{keys.QUARANTINE}{table}/*" for table in TARGETS if table != "fact_payment"}
