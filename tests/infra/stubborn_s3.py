"""An S3 bucket of many versions that does what no emulator does: it keeps some, for a while or for good."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, urlsplit

PAGE = 1000


class StubbornS3:
    """`refuses` are, by key, the codes that S3 answers one after the other before it deletes. `calls` are the pages
    that were listed and the numbers of versions that were deleted at once."""

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.refuses = sorted(keys), dict[str, list[str]]()
        self.calls: list[tuple[str, int]] = []
        self._lock = Lock()

    def listed(self, after: str) -> str:
        with self._lock:
            found = [key for key in self.keys if key > after]
            self.calls.append(("list", len(found[:PAGE])))
        page = "".join(f"<Version><Key>{key}</Key><VersionId>1</VersionId></Version>" for key in found[:PAGE])
        if len(found) > PAGE:
            page += f"<IsTruncated>true</IsTruncated><NextKeyMarker>{found[PAGE - 1]}</NextKeyMarker>"
            page += "<NextVersionIdMarker>1</NextVersionIdMarker>"
        return f"<ListVersionsResult>{page}</ListVersionsResult>"

    def deleted(self, asked: list[str]) -> str:
        with self._lock:
            self.calls.append(("delete", len(asked)))
            refused = {key: codes.pop(0) for key, codes in self.refuses.items() if key in asked and codes}
            gone = set(asked) - refused.keys()
            self.keys = [key for key in self.keys if key not in gone]
        errors = "".join(
            f"<Error><Key>{key}</Key><VersionId>1</VersionId><Code>{code}</Code><Message>{code}.</Message></Error>"
            for key, code in refused.items()
        )
        return f"<DeleteResult>{errors}</DeleteResult>"

    @contextmanager
    def served(self) -> Iterator[str]:
        """Yield its address while it runs."""
        bucket = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # noqa: N802 - http.server's name
                query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
                uploads = "<ListMultipartUploadsResult></ListMultipartUploadsResult>"
                self._answer(uploads if "uploads" in query else bucket.listed(query.get("key-marker", [""])[0]))

            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(bucket.deleted(re.findall("<Key>([^<]*)</Key>", body)))

            def _answer(self, body: str) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: object) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
