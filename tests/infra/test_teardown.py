"""teardown.sh against an emulator with two stages, of which one's names begin like the other's."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.ministack import Ministack, throw_away
from tests.infra.standing import everything, stand

ROOT = Path(__file__).parents[2]
ACCOUNT = "000000000000"
INGESTION, PROCESSED = (f"totestream-dev-{noun}-{ACCOUNT}" for noun in ("ingestion", "processed"))
DATA = [f"bucket {INGESTION}", f"bucket {PROCESSED}", "secret dev/old", "secret dev/warehouse"]


class Cloud:
    def __init__(self, folder: Path, server: Ministack) -> None:
        self.settings, self.url = folder / "settings.env", server.url
        self.key, self.secret = server.keys

    def aws(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.url,
            region_name="eu-west-2",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )

    def stand(self, stage: str, **settings: str) -> None:
        stand(self.aws, stage, ACCOUNT, **settings)
        self.write_settings(stage, **settings)

    def write_settings(self, stage: str, **settings: str) -> None:
        login = {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}
        names = {"PROJECT": "totestream", "STAGE": stage, "AWS_REGION": "eu-west-2", "WAREHOUSE_SCHEMA": "star"}
        self.settings.write_text("".join(f"{name}={value}\n" for name, value in (names | login | settings).items()))

    def begin(self, *options: str) -> subprocess.Popen[str]:
        command = [str(ROOT / "infra_bash/teardown.sh"), "--settings", str(self.settings), *options]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def teardown(self, *options: str, typed: str = "") -> list[str]:
        """Return the lines on stderr; stdout must be empty. It types the stage's name, or says --yes."""
        running = self.begin(*options, *([] if typed else ["--yes"]))
        said, lines = running.communicate(typed)
        assert (said, running.returncode) == ("", 0), lines
        return lines.splitlines()

    def everything(self) -> dict[str, Any]:
        return everything(self.aws)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with throw_away() as server:
        yield Cloud(tmp_path, server)


def make_difficult(cloud: Cloud) -> None:
    """Add a deleted mapping, many versions, an unfinished upload, a secret that is scheduled for deletion."""
    functions, s3, secrets = cloud.aws("lambda"), cloud.aws("s3"), cloud.aws("secretsmanager")
    functions.delete_function(FunctionName="totestream-dev-transform-dim_old")
    for number in range(510):
        s3.put_object(Bucket=INGESTION, Key=f"batches/staff/{number:03d} <&>", Body=b"")
        s3.delete_object(Bucket=INGESTION, Key=f"batches/staff/{number:03d} <&>")
    s3.create_multipart_upload(Bucket=INGESTION, Key="batches/staff/half")
    secrets.create_secret(Name="dev/old", Tags=tags(), SecretString="{}")
    secrets.delete_secret(SecretId="dev/old")


def tags() -> list[dict[str, str]]:
    return [{"Key": "project", "Value": "totestream"}, {"Key": "stage", "Value": "dev"}]


def add_strangers(cloud: Cloud) -> list[str]:
    """Add resources with our tags that are not ours, and somebody else's notification of our bucket."""
    tagged = {tag["Key"]: tag["Value"] for tag in tags()}
    url = cloud.aws("sqs").create_queue(QueueName="theirs", tags=tagged)["QueueUrl"]
    queue = cloud.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    attribute = {"AttributeName": "id", "AttributeType": "S"}
    table = cloud.aws("dynamodb").create_table(
        TableName="theirs",
        AttributeDefinitions=[attribute],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=tags(),
    )
    s3 = cloud.aws("s3")
    notification = s3.get_bucket_notification_configuration(Bucket=PROCESSED)["QueueConfigurations"]
    theirs = {"Id": "theirs", "QueueArn": queue, "Events": ["s3:ObjectRemoved:*"]}
    configuration = {"QueueConfigurations": [*notification, theirs]}
    s3.put_bucket_notification_configuration(
        Bucket=PROCESSED, NotificationConfiguration=configuration, SkipDestinationValidation=True
    )
    return sorted([queue, str(table["TableDescription"]["TableArn"])])


def of_dev(things: dict[str, Any]) -> dict[str, Any]:
    """Return the resources of stage dev: not of dev-two, nor of both."""
    names = {thing: thing.split()[1 if thing.startswith(("mapping", "subscription")) else -1] for thing in things}
    # The dashboard is called as its stage is.
    begin = {thing: f"{name.removeprefix('/aws/lambda/')}-" for thing, name in names.items()}
    return {
        thing: things[thing]
        for thing, name in begin.items()
        if name.startswith(("totestream-dev-", "dev/")) and not name.startswith("totestream-dev-two-")
    }


def test_a_stage_goes_by_name_and_by_tag_and_the_stage_beside_it_stays(cloud: Cloud) -> None:
    cloud.stand("dev-two", SOURCE_SECRET="both/source", WAREHOUSE_SECRET="dev-two/warehouse")
    cloud.stand("dev", SOURCE_SECRET="both/source", WAREHOUSE_SECRET="dev/warehouse")
    make_difficult(cloud)
    strangers = add_strangers(cloud)
    before = cloud.everything()
    others = {thing: what for thing, what in before.items() if thing not in of_dev(before)}
    assert len(of_dev(before)) > 40 and len(others) > 40

    dry = cloud.teardown("--with-data", "--dry-run")
    assert cloud.everything() == before
    assert dry[-1] == "ok      a dry run: nothing was written"
    planned = [line for line in dry if line.startswith("delete")]
    assert sorted(line.removeprefix("delete  ") for line in planned[-4:]) == DATA

    done = begin_and_kill(cloud, after=20)
    lines = cloud.teardown()
    done += [line for line in lines if line.startswith("delete")]
    # Between a deletion and its line it may have been killed.
    assert [line for line in planned[:-4] if line in done] == done and len(done) >= len(planned[:-4]) - 1
    assert sorted(of_dev(cloud.everything())) == DATA
    stay = [line for line in lines if not line.startswith("delete")]
    assert sorted(line.split(" (")[0].removeprefix("stays   ") for line in stay) == sorted(
        [*DATA, *(f"{arn.split(':')[2]} {arn}" for arn in strangers)]
    )
    (kept,) = cloud.aws("s3").get_bucket_notification_configuration(Bucket=PROCESSED)["QueueConfigurations"]
    assert kept["Id"] == "theirs"

    assert cloud.teardown() == stay
    lines = cloud.teardown("--with-data", typed="dev\n")
    assert lines[0].startswith("ask ") and sorted(line.removeprefix("delete  ") for line in lines[1:5]) == DATA
    assert sorted(lines[5:]) == sorted(line for line in stay if "theirs" in line)
    assert cloud.everything() == others

    cloud.aws("sqs").delete_queue(QueueUrl=cloud.aws("sqs").get_queue_url(QueueName="theirs")["QueueUrl"])
    cloud.aws("dynamodb").delete_table(TableName="theirs")
    assert cloud.teardown("--with-data") == []


def begin_and_kill(cloud: Cloud, after: int) -> list[str]:
    """Return its output before it was stopped."""
    running = cloud.begin("--yes")
    assert running.stderr
    said = [running.stderr.readline().rstrip("\n") for _ in range(after)]
    running.terminate()
    rest, code = running.communicate()[1], running.returncode
    assert code == 143
    return [line for line in [*said, *rest.splitlines()] if line.startswith("delete")]


def test_a_secret_that_somebody_has_deleted_comes_back(cloud: Cloud, loaded_aws: Path) -> None:
    """Restore it with our value if there is one, else with its own; leave an existing secret alone."""
    secrets, login = cloud.aws("secretsmanager"), '{"host":"h","port":1,"dbname":"d","username":"u","password":"p"}'
    cloud.write_settings("dev", SOURCE_SECRET="deleted", WAREHOUSE_SECRET="kept", WAREHOUSE_OWNER_SECRET="there")
    private = cloud.settings.with_name("secrets.env")
    private.touch(mode=0o600)
    private.write_text(f"SOURCE_SECRET_VALUE={login}\n")
    for name in ("deleted", "kept", "there"):
        secrets.create_secret(Name=name, SecretString=f"old {name}", Tags=tags())
    for name in ("deleted", "kept"):
        secrets.delete_secret(SecretId=name)
    script = """
        source infra_bash/lib/script.sh
        for part in arguments settings aws state ../aws/secrets; do source infra_bash/lib/$part.sh; done
        SETTINGS_FILE=$1
        load_settings
        read_account
        write_requests secrets
        ensure_secrets
    """
    command = ["bash", "-c", script, "deploy.sh", str(cloud.settings)]
    environment = os.environ | {"TOTESTREAM_AWS": str(loaded_aws)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    said = ["update  secret deleted (restored)", "update  secret kept (restored)", "ok      secret there"]
    said.append("create  secret totestream-dev-reader")
    assert (done.returncode, sorted(done.stderr.splitlines())) == (0, sorted(said))
    values = {name: secrets.get_secret_value(SecretId=name)["SecretString"] for name in ("deleted", "kept", "there")}
    assert values == {"deleted": login, "kept": "old kept", "there": "old there"}
