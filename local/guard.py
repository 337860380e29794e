"""What stands in MiniStack's own process before everything that it answers.

MiniStack lets in whoever names the key `test`, twelve digits or no key at all, and checks neither Host nor Origin. Here
each request needs a known key and the right signature. Known are the stack's own key, which is the root user's, and
those that MiniStack has given out, such as the functions' sessions. Paths that AWS does not have (`/_…`) are for root.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from ministack import app as emulator
from ministack.core import iam_evaluator, responses, router, sigv4

from local import callers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# What says in a query who asks; beside a header that says so, MiniStack and we could believe different ones.
_IN_QUERY = {"x-amz-algorithm", "x-amz-credential", "x-amz-signature", "awsaccesskeyid", "signature"}
_LONGEST_PRESIGNED_S = 7 * 24 * 3600  # as on AWS
_HMAC, _STREAMING = "AWS4-HMAC-SHA256", ("UNSIGNED-PAYLOAD", "STREAMING-")


class Refusal(Exception):
    """Constructed with AWS's code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class AccessKey:
    """The stack's own pair."""

    key: str
    secret: str


@dataclass(frozen=True)
class HttpRequest:
    method: str
    path: str
    raw_path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, scope: Scope, lines: list[tuple[str, str]]) -> "HttpRequest":
        headers: dict[str, str] = {}
        for name, value in lines:  # a header on several lines is signed as its values with commas
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
        return cls(scope["method"], scope["path"], raw_path.decode("latin-1"), query, headers)

    @property
    def presigned(self) -> bool:
        return "authorization" not in self.headers

    def first(self, name: str) -> str:
        return self.query.get(name, [""])[0]

    @property
    def token(self) -> str:
        return self.first("X-Amz-Security-Token") if self.presigned else self.headers.get("x-amz-security-token", "")


class Guard:
    """An ASGI application around MiniStack's."""

    def __init__(self, app: App, root: AccessKey) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # no service that we use has WebSockets
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        lines = [(name.decode("latin-1").lower(), sigv4.decode_header_value(value)) for name, value in scope["headers"]]
        if why := callers.complaint(lines):
            await emulator._send_response(send, 403, {"Content-Type": "text/plain"}, f"{why}\n")
            return
        request = HttpRequest.of(scope, lines)
        try:
            signature = _signature(request)
            secret = self._secret(request, signature.access_key_id)
            _check_time(request, signature)
            if (body := await _body(receive)) is None:
                return  # it has hung up
            _check(request, signature, secret, body)
        except Refusal as refusal:
            await _refuse(send, request, refusal)
            return
        await self._app(scope, _again(body, receive), send)

    def _secret(self, request: HttpRequest, key: str) -> str:
        """The secret of a key that may ask for this path at all."""
        if hmac.compare_digest(key.encode(), self._root.key.encode()) and not request.token:
            return self._root.secret
        if request.path.startswith("/_"):
            raise Refusal("AccessDenied", "Paths that AWS does not have are for the root user alone.")
        return _secret_given(key, request.token)


def _signature(request: HttpRequest) -> sigv4.HeaderSignature:
    """Who claims to ask, said once and by AWS's signature of version 4: MiniStack would find the same."""
    in_query = _IN_QUERY & {name.lower() for name in request.query}
    if not request.presigned and in_query:
        raise Refusal("InvalidArgument", "Only one auth mechanism allowed.")
    if request.presigned and not in_query:
        raise Refusal("MissingAuthenticationToken", "Request is missing Authentication Token.")
    said = request.first("X-Amz-Algorithm") if request.presigned else request.headers["authorization"].split(" ")[0]
    if said != _HMAC or any(len(values) > 1 for name, values in request.query.items() if name.lower() in _IN_QUERY):
        raise Refusal("InvalidRequest", "The authorization mechanism you have provided is not supported.")
    parse = sigv4.parse_query_signature if request.presigned else sigv4.parse_header_signature
    found = parse(request.query if request.presigned else request.headers)
    if isinstance(found, tuple):
        raise Refusal(*found)
    if "host" not in found.signed_headers.split(";"):
        raise Refusal("SignatureDoesNotMatch", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    return found


def _secret_given(key: str, token: str) -> str:
    """The secret of a key that MiniStack has given out, with its session token; never of one that it takes for root."""
    if iam_evaluator.is_root_access_key(key):
        raise Refusal("InvalidClientTokenId", "The security token included in the request is invalid.")
    account = responses._account_from_sts_session(key)
    try:
        account = account or iam_evaluator.find_iam_access_key_account(key)
    except iam_evaluator.AmbiguousAccessKeyError:
        account = None
    found = iam_evaluator.resolve_credential(key, account, token)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        raise Refusal(found.code, found.message)
    return str(found.secret_access_key)


def _check_time(request: HttpRequest, signature: sigv4.HeaderSignature) -> None:
    """The time it was signed at is near, or its URL is still good."""
    skewed = sigv4.request_time_failure(signature)
    if not request.presigned:
        if skewed or sigv4._amz_datetime(signature.amz_date) is None:
            raise Refusal(*(skewed or ("IncompleteSignature", "Date must be in ISO-8601 'basic format'.")))
        return
    seconds = request.first("X-Amz-Expires")
    if not seconds.isdecimal() or not 0 < int(seconds) <= _LONGEST_PRESIGNED_S:
        raise Refusal("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds")
    try:
        expired = sigv4.presigned_request_is_expired(signature.amz_date, seconds)
    except ValueError:
        expired = True
    if expired or (skewed and "not yet current" in skewed[1]):
        raise Refusal("AccessDenied", "Request has expired")


def _check(request: HttpRequest, signature: sigv4.HeaderSignature, secret: str, body: bytes) -> None:
    """The secret's owner has signed this very request."""
    failure = sigv4.header_signature_failure(
        signature, secret, request.method, request.raw_path, request.query, request.headers, body,
        presigned=request.presigned,
    )  # fmt: skip
    if failure:
        raise Refusal(*failure)
    signed = request.headers.get("x-amz-content-sha256", "")
    if signed and not signed.startswith(_STREAMING) and signed != hashlib.sha256(body).hexdigest():
        raise Refusal("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match.")


async def _body(receive: Receive) -> bytes | None:
    """All of it; None when the caller has hung up before."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Let MiniStack read what we have read; afterwards it hears what comes next."""
    waiting = [body]

    async def read() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return read


async def _refuse(send: Send, request: HttpRequest, refusal: Refusal) -> None:
    """In the words and the protocol of the service that was asked."""
    service = router.detect_service(request.method, request.path, request.headers, request.query)
    status, headers, body = emulator._credential_failure(service, "", "", refusal, request.headers)
    await emulator._send_response(send, status, headers, b"" if request.method == "HEAD" else body)
