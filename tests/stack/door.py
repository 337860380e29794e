"""A door in front of the emulator: a proxy that writes down what a script asks of AWS.

A script goes through it whose AWS_ENDPOINT_URL is the door's. The functions do not: they are told where the emulator
itself is, so the door sees exactly what the AWS CLI sends.
"""

import http.client
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

READS = ("Get", "List", "Describe", "Head", "Filter", "GET ", "HEAD ")
# What is between two neighbours on the way and not passed on.
OF_THE_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}
LONGEST_CALL_S = 320


@dataclass(frozen=True)
class Call:
    """`action` is the operation, or for the two REST services, Lambda and S3, method and path."""

    service: str
    action: str
    agent: str

    @property
    def is_invocation(self) -> bool:
        """The flow's own work, which the script only asks for."""
        return self.service == "lambda" and self.action.endswith("/invocations")

    @property
    def is_write(self) -> bool:
        """The lock that every deploy takes and gives back changes nothing of the stack."""
        is_lock = self.action.partition("?")[0].endswith("/deploy/lock.json")
        return not self.is_invocation and not self.action.startswith(READS) and not is_lock


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def refusal(error: str, message: str) -> Answer:
    """As Lambda refuses."""
    return Answer(400, [("x-amzn-ErrorType", error)], f'{{"Type": "User", "message": "{message}"}}'.encode())


@dataclass
class Door:
    """`before` sees each call before it is passed on and may answer in place of AWS; `after` sees it answered,
    which the caller is not yet. Either may be the end of the caller."""

    upstream: str
    calls: list[Call] = field(default_factory=list)
    before: Callable[[Call], Answer | None] = lambda call: None
    after: Callable[[Call], object] = lambda call: None
    url: str = ""

    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.is_write]

    def forget(self) -> None:
        """From here on as if nothing had been asked, or were to happen."""
        self.calls.clear()
        self.before, self.after = lambda call: None, lambda call: None

    def passed(self, call: Call, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.calls.append(call)
        if refused := self.before(call):
            return refused
        answer = self._asked(method, path, headers, body)
        self.after(call)
        return answer

    def _asked(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        host = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(str(host.hostname), host.port, timeout=LONGEST_CALL_S)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


@contextmanager
def door_to(upstream: str) -> Iterator[Door]:
    door = Door(upstream)

    class Handler(_Handler):
        def do(self) -> None:
            self.pass_on(door)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do  # noqa: N815 - as http.server calls them

    server = _Server(("127.0.0.1", 0), Handler)
    door.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is killed hangs up in the middle: that is no error here. All others are."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self, door: Door) -> None:
        body = self._body()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_HOP}
        answer = door.passed(self._call(body), self.command, self.path, headers, body)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in OF_THE_HOP:
                self.send_header(name, value)
        told = {name.lower(): value for name, value in answer.headers}
        length = told.get("content-length", "0") if self.command == "HEAD" else str(len(answer.body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer.body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _call(self, body: bytes) -> Call:
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        # As CloudWatch is asked by newer ones: /service/…/operation/DescribeAlarms.
        target = target or self.path.rpartition("/operation/")[2] if "/operation/" in self.path else target
        form = "form-urlencoded" in self.headers.get("Content-Type", "")
        action = target or (parse_qs(body.decode())["Action"][0] if form else f"{self.command} {self.path}")
        return Call(scope[1] if scope else "?", action, self.headers.get("User-Agent", ""))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the calls are kept."""
