"""A server proves who it is; what keeps it from that is said with what to change, and is for a person."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import Database
from local.postgres import Server, throw_away
from shared.aws.secrets import Login
from shared.errors import BadSetting, ServiceRefused
from shared.postgres.connection import connect

pytestmark = pytest.mark.fast

HERE, ELSEWHERE = x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("db.example.com")
DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM


class Made(NamedTuple):
    certificate: str
    key: str


def made(name: x509.GeneralName = HERE, begins: timedelta = -DAY, ends: timedelta = DAY) -> Made:
    """A certificate that is its own authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    about = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")])
    built = (
        x509.CertificateBuilder(about, about, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    hidden = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Made(built.public_bytes(PEM).decode(), hidden.decode())


@contextmanager
def shown(certificate: Made, folder: Path, *, tls: bool = True) -> Iterator[int]:
    """A server that takes the request for TLS, or declines it, and shows this certificate; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "shown.pem").write_text(certificate.certificate + certificate.key)
    context.load_cert_chain(folder / "shown.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(8)
                line.sendall(b"S" if tls else b"N")
                with suppress(OSError), context.wrap_socket(line, server_side=True) as secured:
                    secured.recv(1)

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
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
    with shown(certificate, tmp_path) as port:
        assert "DATABASE_CA must name the PEM file of the authority" in refusal(port, ca="")
    with shown(certificate, tmp_path) as port:
        assert "DATABASE_CA must name the PEM file" in refusal(port, authority(made(), tmp_path))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_another_name_names_the_host(host: str, tmp_path: Path) -> None:
    certificate = made(ELSEWHERE)
    with shown(certificate, tmp_path) as port:
        said = refusal(port, authority(certificate, tmp_path), host)
    assert f"connecting to {host}:{port}" in said
    assert "host in the secret must be the name that is in the server's certificate" in said


def test_a_certificate_that_has_expired_is_one_for_the_server(tmp_path: Path) -> None:
    certificate = made(begins=-3 * DAY, ends=-DAY)
    with shown(certificate, tmp_path) as port:
        assert "has expired: put a new one in place there" in refusal(port, authority(certificate, tmp_path))


def test_nor_is_one_of_tomorrow_any_use(tmp_path: Path) -> None:
    certificate = made(begins=DAY, ends=2 * DAY)
    with shown(certificate, tmp_path) as port:
        assert "is not valid yet" in refusal(port, authority(certificate, tmp_path))


def test_a_server_without_tls_is_not_spoken_to_unless_told_so(tmp_path: Path) -> None:
    with shown(made(), tmp_path, tls=False) as port:
        said = refusal(port, ca="")
    assert "the server offers no TLS" in said
    assert "ssl = on" in said


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


def test_a_server_that_asks_for_tls_is_said_to() -> None:
    with throw_away() as server:
        with server.superuser() as admin:
            hba = Path(admin.run("SHOW hba_file")[0][0])
            admin.run("CREATE ROLE somebody LOGIN PASSWORD 'secret'")
            hba.write_text("hostssl all somebody all scram-sha-256\nhost all postgres all scram-sha-256\n")
            admin.run("SELECT pg_reload_conf()")
        login = Login("127.0.0.1", server.port, "postgres", "somebody", "secret")
        with pytest.raises(ServiceRefused, match=r"28000 no pg_hba.conf entry.*no encryption.*DATABASE_PLAINTEXT=no"):
            connect("source", login, ca="", plaintext=True, timeout_s=9)
