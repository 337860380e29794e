"""Who gets an answer of the emulator: whoever holds a key of the stack; no other user of this machine, no web page."""

import hashlib
import http.client
import io
import json
import os
import pwd
import socket
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import HmacV1Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local import folders
from local.ministack import Ministack, throw_away
from tests.local.nobody import as_nobody

CREATE_QUEUE = b"Action=CreateQueue&QueueName=planted"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROLE = "arn:aws:iam::000000000000:role/worker"
OBJECT = {"Bucket": "kept", "Key": "key"}
UPGRADE = (
    "GET /_aws/execute-api/{}/b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
READ = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}
CODE = """
import os
import boto3

def handler(event, context):
    read = boto3.client("s3").get_object(Bucket="kept", Key="key")["Body"].read().decode()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PYTHONPATH")
    return {"read": read, "uid": os.getuid(), "told": [os.environ.get(name) for name in names]}
"""


@pytest.fixture(scope="module")
def ministack() -> Iterator[Ministack]:
    with throw_away() as server:
        s3 = client(server, "s3")
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        s3.put_object(Bucket="kept", Key="key", Body=b"content")
        yield server


@pytest.fixture(scope="module")
def owner(ministack: Ministack) -> tuple[Any, Any]:
    return client(ministack, "sqs"), client(ministack, "s3")


@pytest.fixture(autouse=True)
def nothing_is_planted(owner: tuple[Any, Any]) -> Iterator[None]:
    yield
    sqs, s3 = owner
    assert not sqs.list_queues().get("QueueUrls")
    assert s3.get_object(**OBJECT)["Body"].read() == b"content"


def client(server: Ministack, service: str, *keys: str, **config: Any) -> Any:
    key, secret, *token = keys or server.keys
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=server.url,
        region_name="eu-west-2",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token[0] if token else None,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@dataclass
class Asked:
    """A request; the defaults make a queue."""

    server: Ministack
    method: str = "POST"
    path: str = "/"
    body: bytes = CREATE_QUEUE
    headers: dict[str, str] = field(default_factory=lambda: dict(FORM))

    def __post_init__(self) -> None:
        self.port = self.server.port  # `nobody` cannot look it up

    def signed(self, key: str = "", secret: str = "", service: str = "sqs", days: float = 0) -> "Asked":
        """With the stack's own keys where no others are given; so many days ago."""
        own = self.server.keys
        host = self.headers.get("Host", f"127.0.0.1:{self.port}")
        request = AWSRequest(self.method, f"http://{host}{self.path}", data=self.body, headers=self.headers)
        auth: Any = SigV4Auth(Credentials(key or own[0], secret or own[1]), service, "eu-west-2")
        # As add_auth does, at another time.
        request.context["timestamp"] = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")
        auth._modify_request_before_signing(request)
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        auth._inject_signature_to_request(request, signature)
        return Asked(self.server, self.method, self.path, self.body, dict(request.headers))

    def answer(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(self.method, self.path, self.body, self.headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def test_who_has_the_keys_is_answered(ministack: Ministack) -> None:
    status, said = Asked(ministack, body=b"Action=ListQueues").signed().answer()
    assert (status, "ListQueuesResponse" in said) == (200, True)
    assert Asked(ministack, "GET", "/_ministack/health", b"", {}).signed().answer()[0] == 200


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Origin": "https://evil.example"}, "web pages"),
        ({"Origin": "null"}, "web pages"),
        ({"Sec-Fetch-Site": "cross-site"}, "web pages"),
        ({"Host": "evil.example"}, "Host header"),
        (
            {"Host": "evil.example:80", "Origin": "http://evil.example:80", "Sec-Fetch-Site": "same-origin"},
            "Host header",
        ),
    ],
)
def test_a_web_page_is_not_answered_whatever_it_knows(headers: dict[str, str], word: str, ministack: Ministack) -> None:
    for kind in ("text/plain", *FORM.values()):
        asked = Asked(ministack, headers={"Content-Type": kind, **headers})
        for each in (asked, asked.signed()):
            status, said = each.answer()
            assert (status, word in said) == (403, True)
    status, _ = Asked(
        ministack, "OPTIONS", "/kept/key", b"", {**headers, "Access-Control-Request-Method": "PUT"}
    ).answer()
    assert status == 403


@pytest.mark.parametrize("path", ["reset", "config", "health", "ready", "lambda-code/f", "sqs/messages", "x"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_admin_calls_are_roots(method: str, path: str, ministack: Ministack) -> None:
    asked = Asked(ministack, method, f"/_ministack/{path}", b'{"lambda_svc.LAMBDA_EXECUTOR": "docker"}', {})
    for each in (asked, asked.signed("test", "test"), asked.signed(secret="wrong")):
        assert each.answer()[0] == 403


@pytest.mark.parametrize("service", ["sts", "s3", "sqs", "lambda", "iam", "sns", "events", "secretsmanager", "logs"])
def test_no_other_key_is_roots(service: str, ministack: Ministack) -> None:
    key, secret = ministack.keys
    calls = {"sts": "get_caller_identity", "s3": "list_buckets", "iam": "list_users", "lambda": "list_functions"}
    calls |= {"sqs": "list_queues", "sns": "list_topics", "events": "list_rules", "secretsmanager": "list_secrets"}
    getattr(client(ministack, service), calls.get(service, "describe_log_groups"))()
    for keys in (
        ("test", "test"),
        ("000000000000", secret),
        ("123456789012", "test"),
        ("AKIA" + "A" * 16, secret),
        (key, "x"),
    ):
        with pytest.raises(ClientError, match="InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|Signature"):
            getattr(client(ministack, service, *keys), calls.get(service, "describe_log_groups"))()
    with pytest.raises(ClientError):
        getattr(client(ministack, service, key, secret, "token"), calls.get(service, "describe_log_groups"))()


def test_the_signature_is_of_this_request_and_of_now(ministack: Ministack) -> None:
    signed = Asked(ministack, body=b"Action=ListQueues").signed()
    signed.body = CREATE_QUEUE
    assert signed.answer()[0] == 403
    for days in (1, -1):
        assert "not yet current" in (said := Asked(ministack).signed(days=days).answer()[1]) or "expired" in said
    put = Asked(ministack, "PUT", "/kept/key", b"content", {}).signed(service="s3")
    put.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    assert put.answer()[0] == 403
    digest = hashlib.sha256(harmless := b"Action=ListQueues").hexdigest()
    signed = Asked(ministack, body=harmless, headers={**FORM, "X-Amz-Content-SHA256": digest}).signed()
    signed.body = CREATE_QUEUE
    assert signed.answer()[0] == 403


def test_who_asks_is_said_once_and_by_version_4(ministack: Ministack) -> None:
    key, secret = ministack.keys
    for query in (
        f"AWSAccessKeyId={key}&Signature=x",
        "AWSAccessKeyId=test",
        f"X-Amz-Credential={key}/1/2/3/aws4_request",
    ):
        assert Asked(ministack, path=f"/?{query}").answer()[0] == 403
        assert Asked(ministack, path=f"/?{query}").signed().answer()[0] in (400, 403)
    old = AWSRequest("GET", f"{ministack.url}/kept/key", headers={})
    HmacV1Auth(Credentials(key, secret)).add_auth(old)
    assert Asked(ministack, "GET", "/kept/key", b"", dict(old.headers)).answer()[0] in (400, 403)
    with pytest.raises(urllib.error.HTTPError):
        fetch(client(ministack, "s3", signature_version="s3").generate_presigned_url("get_object", Params=OBJECT))


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def test_a_presigned_url_is_good_for_its_object_and_its_time(ministack: Ministack) -> None:
    s3 = client(ministack, "s3")
    url = s3.generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=1)
    assert fetch(url) == b"content"
    s3.put_object(Bucket="kept", Key="other", Body=b"other")
    for bad in (url.replace("/key?", "/other?"), url.replace("Expires=1&", "Expires=9&"), url[:-1] + "g"):
        with pytest.raises(urllib.error.HTTPError):
            fetch(bad)
    time.sleep(2.1)
    with pytest.raises(urllib.error.HTTPError):
        fetch(url)
    with pytest.raises(urllib.error.HTTPError):
        fetch(client(ministack, "s3", "test", "test").generate_presigned_url("get_object", Params=OBJECT))


def test_web_sockets_are_refused(ministack: Ministack) -> None:
    gateway = client(ministack, "apigatewayv2")
    api = gateway.create_api(Name="x", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    gateway.create_stage(ApiId=api["ApiId"], StageName="b", AutoDeploy=True)
    with socket.create_connection(("127.0.0.1", ministack.port), 10) as line:
        line.sendall(UPGRADE.format(api["ApiId"]).encode())
        assert line.recv(100).startswith(b"HTTP/1.1 403")


def test_there_is_one_way_in(ministack: Ministack) -> None:
    assert listening(int((ministack.home / "pid").read_text())) == {f"0100007F:{ministack.port:04X}"}


def listening(pid: int) -> set[str]:
    """Where this process listens, as the kernel writes it."""
    links = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links}
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {fields[1] for fields in lines if fields[3] == "0A" and fields[9] in inodes}


@contextmanager
def function(server: Ministack) -> Iterator[dict[str, Any]]:
    """What a function that works says of itself."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("code.py", CODE)
    iam, functions = client(server, "iam"), client(server, "lambda", read_timeout=60)
    iam.create_role(
        RoleName="worker", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": [READ]})
    iam.put_role_policy(RoleName="worker", PolicyName="read", PolicyDocument=policy)
    functions.create_function(
        FunctionName="worker", Runtime="python3.13", Role=ROLE, Handler="code.handler",
        Code={"ZipFile": content.getvalue()}, Timeout=60,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(functions.invoke(FunctionName="worker")["Payload"].read())
    yield answer
    functions.delete_function(FunctionName="worker")


def test_a_function_has_a_session_that_nobody_can_guess_and_is_not_root(ministack: Ministack) -> None:
    with function(ministack) as said:
        assert said["read"] == "content"
        user = folders.server_user()
        assert said["uid"] == (user.pw_uid if user else os.getuid())
        key, secret, token, path = said["told"]
        assert path is None and not {key, secret, token} & {*ministack.keys, None}
        read = client(ministack, "s3", key, secret, token).get_object(**OBJECT)["Body"].read()
        assert read == b"content"
        with pytest.raises(ClientError, match="AccessDenied"):
            client(ministack, "s3", key, secret, token).put_object(**OBJECT, Body=b"planted")
        # As MiniStack makes them.
        digest = hashlib.sha256(f"arn:aws:lambda:eu-west-2:000000000000:function:worker:{ROLE}".encode()).hexdigest()
        made = [hashlib.sha256(f"{what}:{digest}".encode()).hexdigest() for what in ("secret", "token")]
        guesses = [
            (key, *made),
            (f"ASIA{digest[:16].upper()}", *made),
            (key, secret),
            (key, secret, made[1]),
            (key, "x", token),
        ]
        for guess in guesses:
            with pytest.raises(ClientError):
                client(ministack, "s3", *guess).get_object(**OBJECT)
        asked = Asked(ministack, "GET", "/_ministack/health", b"", {"X-Amz-Security-Token": token}).signed(key, secret)
        assert asked.answer()[0] == 403


def test_another_user_gets_nothing(ministack: Ministack) -> None:
    """As root plays `nobody`; a user's files have no other reader by their modes."""
    kept = [ministack.home / name for name in ("keys.json", "port", "pid", "log")]
    assert {file.stat().st_mode & 0o777 for file in kept} == {0o600}
    if os.geteuid() == 0:
        assert as_nobody(Asked(ministack).answer)[0] == 403
        assert as_nobody(Asked(ministack).signed("test", "test").answer)[0] == 403
        for file in kept:
            with pytest.raises(PermissionError):
                as_nobody(file.read_text)
        assert Path(f"/proc/{kept_pid(ministack)}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    command = Path(f"/proc/{kept_pid(ministack)}/cmdline").read_text()
    started_with = Path(f"/proc/{kept_pid(ministack)}/environ").read_text()
    assert not [key for key in ministack.keys if key in command + started_with]


def kept_pid(server: Ministack) -> int:
    return int((server.home / "pid").read_text())
