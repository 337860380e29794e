"""A server proves who it is; what keeps it from that is said with what to change, and is for a person."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from conftest import Database
from local.postgres import Server
from shared.aws.secrets import Login
from shared.errors import BadSetting, ServiceRefused
from shared.postgres.connection import connect, tls
from shared.postgres.dial import dial
from tests.certificates import DAY, ELSEWHERE, Chain, Made, OpenSsl, made

pytestmark = pytest.mark.fast

FLAGS_OF_3_13 = ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT


def contexts(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    """Have Python make its contexts otherwise, before the product chooses anything."""
    make = ssl.create_default_context

    def changed(*arguments: Any, **options: Any) -> ssl.SSLContext:
        context = make(*arguments, **options)
        change(context)
        return context

    monkeypatch.setattr(ssl, "create_default_context", changed)


def as_3_13(context: ssl.SSLContext) -> None:
    context.verify_flags |= FLAGS_OF_3_13


def as_before(context: ssl.SSLContext) -> None:
    context.verify_flags &= ~FLAGS_OF_3_13


@pytest.fixture(params=[as_3_13, as_before], ids=["3.13", "3.11"], autouse=True)
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs this: the contexts of Python 3.13, and those of 3.11 and 3.12."""
    contexts(monkeypatch, request.param)


@contextmanager
def shown(
    certificate: Made, folder: Path, *, answer: bytes = b"S", version: ssl.TLSVersion | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers the request for TLS so, and shows this certificate, in one version of TLS only; its port,
    and what it was sent in TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    (folder / "shown.pem").write_text(certificate.certificate + certificate.key)
    context.load_cert_chain(folder / "shown.pem")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(8)
                line.sendall(answer)
                with suppress(OSError), context.wrap_socket(line, server_side=True) as secured:
                    heard.append(secured.recv(1000))

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join()


def authority(certificate: Made, folder: Path) -> str:
    (folder / "authority.pem").write_text(certificate.certificate)
    return str(folder / "authority.pem")


def refusal(port: int, ca: str, host: str = "127.0.0.1") -> str:
    login = Login(host, port, "totesys", "somebody", "secret")
    with pytest.raises(ServiceRefused) as raised:
        connect("source", login, ca=ca, plaintext=False, timeout_s=5)
    return str(raised.value)


def test_an_authority_that_is_not_known_is_put_into_database_ca(tmp_path: Path) -> None:
    certificate = made()
    with shown(certificate, tmp_path) as (port, _):
        assert "DATABASE_CA must name the PEM file of the authority" in refusal(port, ca="")
    with shown(certificate, tmp_path) as (port, _):
        assert "DATABASE_CA must name the PEM file" in refusal(port, authority(made(), tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_another_name_names_the_host(host: str, tmp_path: Path) -> None:
    certificate = made(ELSEWHERE)
    with shown(certificate, tmp_path) as (port, _):
        said = refusal(port, authority(certificate, tmp_path), host)
    assert f"connecting to {host}:{port}" in said
    assert "host in the secret must be the name that is in the server's certificate" in said


def test_a_certificate_that_has_expired_is_one_for_the_server(tmp_path: Path) -> None:
    certificate = made(begins=-3 * DAY, ends=-DAY)
    with shown(certificate, tmp_path) as (port, _):
        assert "has expired: install a new one there" in refusal(port, authority(certificate, tmp_path))


def test_nor_is_one_of_tomorrow_any_use(tmp_path: Path) -> None:
    certificate = made(begins=DAY, ends=2 * DAY)
    with shown(certificate, tmp_path) as (port, _):
        assert "is not valid yet" in refusal(port, authority(certificate, tmp_path))


def test_a_server_without_tls_is_not_spoken_to_unless_told_so(tmp_path: Path) -> None:
    with shown(made(), tmp_path, answer=b"N") as (port, heard):
        said = refusal(port, ca="")
    assert "the server offers no TLS" in said
    assert said.endswith("(ssl = on)")
    assert heard == []


def test_a_server_that_speaks_tls_1_1_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the machine's own configuration would take it."""

    def lenient(context: ssl.SSLContext) -> None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1

    contexts(monkeypatch, lenient)
    certificate = made()
    with (
        pytest.warns(DeprecationWarning, match="TLSv1"),
        shown(certificate, tmp_path, version=ssl.TLSVersion.TLSv1_1) as (port, heard),
    ):
        said = refusal(port, authority(certificate, tmp_path))
    assert "the server must speak TLS 1.2 or later" in said
    assert heard == []


@pytest.mark.parametrize(
    "stuffed",
    [
        b"N",
        b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
        b"R\0\0\0\x08\0\0\0\x03",
        b"E\0\0\0\x0fSFATAL\0C28000\0\0",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\0" * 64,
    ],
    ids=["no", "login-taken", "password-asked-for", "error", "http", "zeros"],
)
def test_what_is_stuffed_in_before_the_handshake_is_taken_for_nothing(stuffed: bytes, tmp_path: Path) -> None:
    """As in CVE-2021-23222: somebody in between answers for the server in the clear, in one piece with its yes."""
    certificate = made()
    with shown(certificate, tmp_path, answer=b"S" + stuffed) as (port, heard):
        said = refusal(port, authority(certificate, tmp_path))
    assert "what came is not TLS" in said
    assert heard == []


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Chain]:
    folder = tmp_path_factory.mktemp("openssl")
    return {
        "plain": OpenSsl(folder).plain("/CN=db", "-addext", "subjectAltName=IP:127.0.0.1"),
        "plain authority": OpenSsl(folder).signed_by_a_plain_one("IP:127.0.0.1"),
        "manual": OpenSsl(folder).as_the_manual_says("IP:127.0.0.1"),
        "intermediate": OpenSsl(folder).as_the_manual_says("IP:127.0.0.1", intermediate=True),
        "name in CN": OpenSsl(folder).plain("/CN=localhost"),
    }


@pytest.mark.parametrize("made_by", ["plain", "plain authority", "manual", "intermediate"])
def test_what_people_make_with_openssl_is_trusted(made_by: str, chains: dict[str, Chain], tmp_path: Path) -> None:
    """None of it has a key usage, or an authority's key identifier, which Python 3.13 asks for."""
    chain = chains[made_by]
    ca = authority(Made(chain.authority, ""), tmp_path)
    with shown(chain.shown, tmp_path) as (port, heard), dial("127.0.0.1", port, tls(ca), timeout_s=5) as line:
        line.sendall(b"hello")
    assert heard == [b"hello"]


def test_an_intermediate_authority_is_enough(chains: dict[str, Chain], tmp_path: Path) -> None:
    shown_by_it = chains["intermediate"].shown
    intermediate = shown_by_it.certificate[shown_by_it.certificate.rindex("-----BEGIN") :]
    with shown(shown_by_it, tmp_path) as (port, _):
        dial("127.0.0.1", port, tls(authority(Made(intermediate, ""), tmp_path)), timeout_s=5).close()


def test_a_name_in_the_cn_alone_is_none(chains: dict[str, Chain], tmp_path: Path) -> None:
    chain = chains["name in CN"]
    with shown(chain.shown, tmp_path) as (port, _):
        said = refusal(port, authority(chain.shown, tmp_path), "localhost")
    assert "as subjectAltName; its CN does not count" in said


def test_the_systems_authorities_count_only_without_database_ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = made()
    (tmp_path / "system.pem").write_text(certificate.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    with shown(certificate, tmp_path) as (port, _):
        dial("127.0.0.1", port, tls(""), timeout_s=5).close()
    with shown(certificate, tmp_path) as (port, _):
        assert "DATABASE_CA must name the PEM file" in refusal(port, authority(made(), tmp_path))


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_database_ca_that_is_none_is_named(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    login = Login("127.0.0.1", 1, "totesys", "somebody", "secret")
    with pytest.raises(BadSetting, match="DATABASE_CA names no file of certificates"):
        connect("source", login, ca=str(file), plaintext=False, timeout_s=5)


@contextmanager
def proved(server: Server, certificate: Made, folder: Path) -> Iterator[int]:
    """TLS in front of a server that was built without it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "shown.pem").write_text(certificate.certificate + certificate.key)
    context.load_cert_chain(folder / "shown.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            line.recv(8)
            line.sendall(b"S")
            with (
                context.wrap_socket(line, server_side=True) as client,
                socket.create_connection(("127.0.0.1", server.port)) as behind,
            ):
                back = Thread(target=pass_on, args=(behind, client))
                back.start()
                pass_on(client, behind)
                back.join()

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def pass_on(from_: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while block := from_.recv(65536):
            to.sendall(block)
    with suppress(OSError):
        to.shutdown(socket.SHUT_RDWR)


def test_a_server_that_proves_itself_is_spoken_to_in_tls(totesys: Database, tmp_path: Path) -> None:
    certificate = made()
    with proved(totesys.server, certificate, tmp_path) as port:
        login = msgspec.structs.replace(totesys.login(), port=port)
        with connect("source", login, ca=authority(certificate, tmp_path), plaintext=False, timeout_s=9) as connection:
            assert connection.one("SELECT current_user") == [login.username]
