"""A stand-in for Slack's incoming webhooks: its rules, its words, and its bad days when it is told to have one.

Usage: python -m local.slack --port N --folder DIR [--path-from-stdin]

Messages it took are lines of DIR/slack.jsonl: {"at", "message"}. The one right webhook's path is DIR/slack-path's
unless it comes from stdin. A bad day is asked for at that path and `/misbehave`: POST {"how": "status", "times": 3,
"status": 500}; what it can be is `Misbehaviour`. GET /_slack/health says that it is there. Web pages are not answered.
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

from local import places
from local.block_kit import complaint
from local.callers import complaint as complaint_of_caller
from local.errors import Parser

# "One message a second; we allow bursts over that limit for short periods": how short is not said.
PER_SECOND, BURST = 1.0, 10
LONGEST_BODY = 1_000_000  # far more than a message may have
MISBEHAVE = "/misbehave"

How = Literal["status", "hang", "refuse", "redirect", "cut", "garble", "drip"]


@dataclass(frozen=True)
class Misbehaviour:
    """What becomes of the next `times` requests, none of which is taken.

    `status` answers with that status and word, and with Retry-After unless `after` is empty; `hang` says nothing for
    `seconds` and hangs up; `refuse` resets the connection; `redirect` points to `to`; `cut` hangs up in the middle of
    its answer, `garble` answers with headers that are none, and `drip` with a byte each `seconds`.
    """

    how: How
    times: int = 1
    status: int = 500
    word: str = "rollup_error"
    after: str = ""
    seconds: float = 60.0
    to: str = "/elsewhere"


class SlackServer(ThreadingHTTPServer):
    """Serves on 127.0.0.1 until the `with` block ends. Port 0 takes a free one."""

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
        self.asked = 0

    @property
    def place(self) -> str:
        """For the setting SLACK_HOSTS."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The webhook."""
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
        """Without the library's goodbye: a connection that is to be reset must not be ended in order first."""
        self.close_request(request)

    def misbehave(self, how: How, **more: Any) -> None:
        """Raises ValueError or TypeError when that is no misbehaviour."""
        if how not in get_args(How):
            raise ValueError(how)
        with self._lock:
            self._misbehaviour = Misbehaviour(how, **more)

    def next_misbehaviour(self) -> Misbehaviour | None:
        """Each is counted down; every request at a webhook is counted."""
        with self._lock:
            self.asked += 1
            now = self._misbehaviour
            self._misbehaviour = replace(now, times=max(now.times - 1, 0))
            return now if now.times else None

    def seconds_to_wait(self) -> float:
        """Until another message is taken; zero counts it as taken."""
        with self._lock:
            now = self._clock()
            self._allowance = min(self._burst, self._allowance + (now - self._counted_at) * PER_SECOND)
            self._counted_at = now
            if self._allowance < 1:
                return (1 - self._allowance) / PER_SECOND
            self._allowance -= 1
            return 0.0

    def take(self, message: Any) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "message": message})
        with self._lock, places.open_log(self.messages_file) as file:
            file.write(f"{line}\n".encode())

    def messages(self) -> list[Any]:
        """What it took, oldest first."""
        if not self.messages_file.exists():
            return []
        return [json.loads(line)["message"] for line in self.messages_file.read_text().splitlines()]


class SlackHandler(BaseHTTPRequestHandler):
    server: SlackServer
    timeout = 60  # whoever connects and says nothing is let go

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: the path is a secret."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        self._say(200, "ok") if self.path == "/_slack/health" else self._say(404, "no_service")

    def parse_request(self) -> bool:
        """As the library does, and answer no web page."""
        if not super().parse_request():
            return False
        why = complaint_of_caller((name.lower(), value) for name, value in self.headers.items())
        if why:
            self.send_error(403, why)
        return not why

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LONGEST_BODY))
        # Who was made to wait has hung up perhaps.
        with suppress(ConnectionError):
            if self.path == self.server.path + MISBEHAVE:
                self._misbehave(body)
            elif now := self.server.next_misbehaviour():
                self._have(now)
            else:
                self._answer(body)

    def _misbehave(self, body: bytes) -> None:
        try:
            self.server.misbehave(**json.loads(body))
        except (TypeError, ValueError):
            return self._say(400, "no_such_misbehaviour")
        return self._say(200, "ok")

    def _answer(self, body: bytes) -> None:
        if self.path != self.server.path:
            # The team and the app are right, but not the token.
            near = self.path.rpartition("/")[0] == self.server.path.rpartition("/")[0]
            return self._say(403, "invalid_token") if near else self._say(404, "no_service")
        if wait := self.server.seconds_to_wait():
            return self._say(429, "rate_limited", {"Retry-After": str(math.ceil(wait))})
        if word := complaint(self.headers.get("Content-Type", ""), body):
            return self._say(400, word)
        self.server.take(json.loads(body))
        return self._say(200, "ok")

    def _have(self, now: Misbehaviour) -> None:
        match now.how:
            case "status":
                self._say(now.status, now.word, {"Retry-After": now.after} if now.after else {})
            case "redirect":
                self._say(302, "", {"Location": now.to})
            case "hang":
                self.server.ending.wait(now.seconds)
            case "refuse":
                # Closing now throws the connection away: the other side sees a reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
            case "garble":
                self.wfile.write(b"HTTP/1.1 500 Oh\r\nno header at all\r\n\r\n")
            case "drip":
                for letter in "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok":
                    self.wfile.write(letter.encode())
                    self.server.ending.wait(now.seconds)

    def _say(self, status: int, word: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(word)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(word.encode())


def kept_path(folder: Path) -> str:
    """The webhook's path noted in `folder`; the first time, a new one. It is as secret as the real one."""
    file = folder / "slack-path"
    if not file.exists():
        team, app = (secrets.token_hex(4).upper() for _ in range(2))
        places.write_private(file, f"/services/T{team}/B{app}/{secrets.token_hex(12)}\n")
    return file.read_text().strip()


def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--path-from-stdin", action="store_true", help="no list of processes shows it there")
    given = parser.parse_args()
    path = sys.stdin.read().strip() if given.path_from_stdin else ""
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
        server = SlackServer(given.folder, given.port, path)
    except OSError as error:
        raise SystemExit(f"Slack's stand-in cannot start on port {given.port} in {given.folder}: {error}") from None
    server.serve_forever()


if __name__ == "__main__":
    main()
