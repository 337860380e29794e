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

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local import places
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


@pytest.fixture(scope="module")
def certificate() -> Made:
    return made()


@pytest.fixture(scope="module")
def secure(certificate: Made) -> Iterator[Server]:
    """A real server with TLS, which lets `somebody` in only with it, and `nobody` not at all."""
    with throw_away() as server:
        with server.superuser() as admin:
            data, hba = (Path(admin.run(f"SHOW {name}")[0][0]) for name in ("data_directory", "hba_file"))
            admin.run("CREATE ROLE somebody LOGIN PASSWORD 'secret'; CREATE ROLE nobody LOGIN PASSWORD 'secret'")
        for name, text in (("server.crt", certificate.certificate), ("server.key", certificate.key)):
            places.write_private(data / name, text)
            server._give(data / name)
        hba.write_text("host all postgres all scram-sha-256\nhostssl all somebody all scram-sha-256\n")
        server.options["ssl"] = "on"
        server.restart()
        yield server


def test_a_server_that_proves_itself_is_spoken_to_in_tls(secure: Server, certificate: Made, tmp_path: Path) -> None:
    login = Login("127.0.0.1", secure.port, "postgres", "somebody", "secret")
    ca = authority(certificate, tmp_path)
    with connect("source", login, ca=ca, plaintext=False, timeout_s=9) as connection:
        assert connection.one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [True]


def test_a_server_that_asks_for_tls_is_said_to(secure: Server) -> None:
    login = Login("127.0.0.1", secure.port, "postgres", "somebody", "secret")
    with pytest.raises(ServiceRefused, match=r"28000 no pg_hba.conf entry.*no encryption.*DATABASE_PLAINTEXT=no"):
        connect("source", login, ca="", plaintext=True, timeout_s=9)


def test_a_server_that_lets_this_login_in_from_nowhere_is_said_to(
    secure: Server, certificate: Made, tmp_path: Path
) -> None:
    login = Login("127.0.0.1", secure.port, "postgres", "nobody", "secret")
    with pytest.raises(ServiceRefused, match=r'28000 no pg_hba.conf entry.*user "nobody".*pg_hba.conf'):
        connect("source", login, ca=authority(certificate, tmp_path), plaintext=False, timeout_s=9)
