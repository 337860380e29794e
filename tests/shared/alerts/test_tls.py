"""Slack proves that it is Slack: an authority that is trusted, and its own name in the certificate."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from local.slack import SlackServer
from shared.alerts.slack import Slack
from shared.aws.secrets import Webhook
from shared.errors import ServiceUnavailable
from tests.certificates import HERE, made
from tests.shared.alerts.making import HELLO, WEBHOOK_PATH

pytestmark = pytest.mark.fast

ELSEWHERE = x509.DNSName("hooks.slack.com")


def certificate(file: Path, name: x509.GeneralName) -> Path:
    """Signed by itself, with its key in the same file."""
    file.write_text("".join(made(name)))
    return file


@pytest.fixture(params=[HERE], ids=["its-own-name"])
def secure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SlackServer]:
    """Slack's stand-in behind TLS, with a certificate of the test's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path / "certificate.pem", request.param))
    server = SlackServer(tmp_path, path=WEBHOOK_PATH)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with server as running:
        yield running


def post_to(secure: SlackServer) -> None:
    host = secure.place.removeprefix("http://")
    webhook = Webhook(f"https://{host}{WEBHOOK_PATH}")
    Slack(webhook, "the/webhook", host, lambda: 60.0, sleep=lambda _: None).post(HELLO)


def test_a_certificate_that_is_trusted_and_right_is_slack(
    secure: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    post_to(secure)
    assert secure.messages() == [HELLO]


def test_an_authority_that_nobody_trusts_is_not(secure: SlackServer) -> None:
    with pytest.raises(ServiceUnavailable, match="SSLError"):
        post_to(secure)
    assert secure.asked == 0


@pytest.mark.parametrize("secure", [ELSEWHERE], indirect=True, ids=["another-name"])
def test_nor_is_another_host(secure: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    with pytest.raises(ServiceUnavailable, match="SSLError"):
        post_to(secure)
    assert secure.asked == 0
