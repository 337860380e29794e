"""A stand-in for Slack's incoming webhooks, with its limits, its error codes, and faults on request.

Usage: python -m local.slack --port N --folder DIR [--path-from-stdin]

Accepted messages are lines of DIR/slack.jsonl: {"at", "message"}. The one valid webhook path is read from
DIR/slack-path or from stdin. POST {"how": "status", "times": 3, "status": 500} to that path and `/misbehave` requests
faults: see `Misbehaviour`. GET of that path and `/health` answers while the server runs. Web pages are refused.
"""

import json
import math
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, get_args

from local import folders
from local.block_kit import error_code
from local.errors import LocalError, Parser, end_with, reason
from local.origin_check import refusal

# "One message a second; we allow bursts over that limit for short periods": how short is not said.
PER_SECOND, BURST = 1.0, 10
LONGEST_BODY = 1_000_000  # far above the limit of a message
MISBEHAVE, HEALTH = "/misbehave", "/health"

How = Literal["status", "hang", "refuse", "redirect", "cut", "garble", "drip"]


@dataclass(frozen=True)
class Misbehaviour:
    """The fault of the next `times` requests, none of which is accepted.

    `status` answers with that status and error code, and with Retry-After unless `after` is empty; `hang` waits for
    `seconds` and closes the connection; `refuse` resets the connection; `redirect` points to `to`; `cut` closes the
    connection in the middle of its answer, `garble` sends malformed headers, and `drip` sends a byte each `seconds`.
    """

    how: How
    times: int = 1
    status: int = 500
    word: str = "rollup_error"
    after: str = ""
    seconds: float = 60.0
    to: str = "/elsewhere"


class SlackServer(ThreadingHTTPServer):
    """A server on 127.0.0.1 that runs until the `with` block ends. Port 0 picks a free port."""

    daemon_threads = True

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        path: str = "",
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(("127.0.0.1", port), SlackHandler)
        self.messages_file = folder / "slack.jsonl"
        self.path = path or kept_path(folder)
        self.ending = threading.Event()
        self._burst, self._clock = burst, clock
        self._lock = threading.Lock()
        self._allowance, self._counted_at = float(burst), clock()
        self._misbehaviour = Misbehaviour("status", times=0)
        self.request_count = 0

    @property
    def place(self) -> str:
        """Return the value for the setting SLACK_HOSTS."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """Return the webhook's URL."""
        return self.place + self.path

    def __enter__(self) -> "SlackServer":
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def shutdown_request(self, request: Any) -> None:
        """Close the socket without the library's shutdown, which would end a connection in order before its reset."""
        self.close_request(request)

    def misbehave(self, how: How, **more: Any) -> None:
        """Set the fault of the next requests. Raises ValueError or TypeError if it is unknown."""
        if how not in get_args(How):
            raise ValueError(how)
        with self._lock:
            self._misbehaviour = Misbehaviour(how, **more)

    def next_misbehaviour(self) -> Misbehaviour | None:
        """Return the fault of this request, and count it down; every request at a webhook is counted."""
        with self._lock:
            self.request_count += 1
            now = self._misbehaviour
            self._misbehaviour = replace(now, times=max(now.times - 1, 0))
            return now if now.times else None

    def seconds_to_wait(self) -> float:
        """Return the seconds until another message is accepted; zero counts one as accepted."""
        with self._lock:
            now = self._clock()
            self._allowance = min(self._burst, self._allowance + (now - self._counted_at) * PER_SECOND)
            self._counted_at = now
            if self._allowance < 1:
                return (1 - self._allowance) / PER_SECOND
            self._allowance -= 1
            return 0.0

    def accept(self, message: Any) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "message": message})
        with self._lock, folders.open_log(self.messages_file) as file:
            file.write(f"{line}\n".encode())

    def messages(self) -> list[Any]:
        """Return the accepted messages, oldest first."""
        if not self.messages_file.exists():
            return []
        return [json.loads(line)["message"] for line in self.messages_file.read_text().splitlines()]


class SlackHandler(BaseHTTPRequestHandler):
    server: SlackServer
    timeout = 60  # an idle connection is closed

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing: the path is a secret."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        self._respond(200, "ok") if self.path == self.server.path + HEALTH else self._respond(404, "no_service")

    def parse_request(self) -> bool:
        """Parse the request as the library does, and refuse web pages."""
        if not super().parse_request():
            return False
        why = refusal((name.lower(), value) for name, value in self.headers.items())
        if why:
            self.send_error(403, why)
        return not why

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST_BODY))
        # A client that had to wait may have disconnected.
        with suppress(ConnectionError):
            if self.path == self.server.path + MISBEHAVE:
                self._misbehave(body)
            elif now := self.server.next_misbehaviour():
                self._simulate_fault(now)
            else:
                self._answer(body)

    def _misbehave(self, body: bytes) -> None:
        try:
            self.server.misbehave(**json.loads(body))
        except (TypeError, ValueError):
            return self._respond(400, "no_such_misbehaviour")
        return self._respond(200, "ok")

    def _answer(self, body: bytes) -> None:
        if self.path != self.server.path:
            # Team and app are valid, but not the token.
            near = self.path.rpartition("/")[0] == self.server.path.rpartition("/")[0]
            return self._respond(403, "invalid_token") if near else self._respond(404, "no_service")
        if wait := self.server.seconds_to_wait():
            return self._respond(429, "rate_limited", {"Retry-After": str(math.ceil(wait))})
        if word := error_code(self.headers.get("Content-Type", ""), body):
            return self._respond(400, word)
        self.server.accept(json.loads(body))
        return self._respond(200, "ok")

    def _simulate_fault(self, now: Misbehaviour) -> None:
        match now.how:
            case "status":
                self._respond(now.status, now.word, {"Retry-After": now.after} if now.after else {})
            case "redirect":
                self._respond(302, "", {"Location": now.to})
            case "hang":
                self.server.ending.wait(now.seconds)
            case "refuse":
                # Closing now resets the connection.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            case "garble":
                self.wfile.write(b"HTTP/1.1 500 Oh\r\nno header at all\r\n\r\n")
            case "drip":
                for letter in "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
                    self.wfile.write(letter.encode())
                    self.server.ending.wait(now.seconds)

    def _respond(self, status: int, word: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(word)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(word.encode())


def kept_path(folder: Path) -> str:
    """Return the webhook's path noted in `folder`; the first time, a new one. It is secret, like a real one."""
    return folders.kept(folder / "slack-path", _new_path).strip()


def _new_path() -> str:
    team, app = (secrets.token_hex(4).upper() for _ in range(2))
    return f"/services/T{team}/B{app}/{secrets.token_hex(12)}\n"


def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--path-from-stdin", action="store_true", help="no list of processes shows it there")
    given = parser.parse_args()
    path = sys.stdin.read().strip() if given.path_from_stdin else ""
    if given.path_from_stdin and not path:
        raise LocalError("the stand-in for Slack got no webhook path on its stdin")
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
        server = SlackServer(given.folder, given.port, path)
    except OSError as error:
        place = f"on port {given.port} in {given.folder}"
        raise LocalError(f"the stand-in for Slack cannot start {place}: {reason(error)}") from error
    server.serve_forever()


if __name__ == "__main__":
    end_with(main)
