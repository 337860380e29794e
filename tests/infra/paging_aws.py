"""A server that answers listings as AWS does: page by page. Emulators give all at once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

# By operation: the field with the things, that of an answer for the next page, and that of a request for it.
LISTINGS = {
    "ListLayerVersions": ("LayerVersions", "NextMarker", "Marker"),
    "ListEventSourceMappings": ("EventSourceMappings", "NextMarker", "Marker"),
    "ListRules": ("Rules", "NextToken", "NextToken"),
    "ListTargetsByRule": ("Targets", "NextToken", "NextToken"),
    "ListQueues": ("QueueUrls", "NextToken", "NextToken"),
    "ListSubscriptionsByTopic": ("Subscriptions", "NextToken", "NextToken"),
}
PATHS = {"/versions": "ListLayerVersions", "/event-source-mappings": "ListEventSourceMappings"}
Pages = Mapping[str, Sequence[Sequence[Any]]]


@contextmanager
def paging_aws(pages: Pages) -> Iterator[tuple[str, list[str]]]:
    """Serve these pages by operation, and nothing else: its address, and the operations that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            parsed = urlsplit(self.path)
            operation = next(name for end, name in PATHS.items() if parsed.path.rstrip("/").endswith(end))
            self._answer(operation, {name: values[0] for name, values in parse_qs(parsed.query).items()})

        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if target := self.headers.get("X-Amz-Target"):
                self._answer(target.rpartition(".")[2], json.loads(body))
            else:
                request = {name: values[0] for name, values in parse_qs(body).items()}
                self._answer(request["Action"], request, is_xml=True)

        def _answer(self, operation: str, request: Mapping[str, Any], *, is_xml: bool = False) -> None:
            asked.append(operation)
            things, following, marker = LISTINGS[operation]
            number = int(request.get(marker) or 0)
            answer = {things: list(pages.get(operation, [[]])[number])}
            if number + 1 < len(pages.get(operation, [])):
                answer[following] = str(number + 1)  # type: ignore[assignment]
            body = _xml(operation, answer) if is_xml else json.dumps(answer)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def _xml(operation: str, answer: Mapping[str, Any]) -> str:
    return f"<{operation}Response><{operation}Result>{_element(answer)}</{operation}Result></{operation}Response>"


def _element(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_element(each)}</{name}>" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_element(each)}</member>" for each in value)
    return escape(str(value))
