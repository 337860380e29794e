"""Certificates for servers that stand in: made by us, and made by `openssl` as people make them."""

import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HERE, ELSEWHERE = x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("db.example.com")
DAY = timedelta(days=1)
PEM = serialization.Encoding.PEM
# Keys that are made in no time.
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Made(NamedTuple):
    certificate: str
    key: str


def made(name: x509.GeneralName = HERE, begins: timedelta = -DAY, ends: timedelta = DAY) -> Made:
    """A certificate that is its own authority, with all that VERIFY_X509_STRICT asks of one."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    about = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")])
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"),
            *("encipher_only", "decipher_only"),
        ),
        False,
    )
    built = (
        x509.CertificateBuilder(about, about, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    hidden = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Made(built.public_bytes(PEM).decode(), hidden.decode())


class Chain(NamedTuple):
    """What a server shows, and the file of the authority that it is to be trusted by."""

    shown: Made
    authority: str


class OpenSsl:
    """`openssl` as a person types it, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plain(self, subject: str, *more: str) -> Chain:
        """A certificate that is its own authority, by `openssl req -x509` and nothing else."""
        self._run("req", "-new", "-x509", *NEW_KEY, "-out", "own.crt", "-keyout", "own.key", "-subj", subject, *more)
        return Chain(self._read("own.crt", "own.key"), self._text("own.crt"))

    def signed_by_a_plain_one(self, name: str) -> Chain:
        """A server's certificate, signed by an authority that `openssl req -x509` has made."""
        authority = self.plain("/CN=our authority").authority
        self._request("server")
        return Chain(self._signed(name, "own"), authority)

    def as_the_manual_says(self, name: str, *, intermediate: bool = False) -> Chain:
        """PostgreSQL's "Creating Certificates"."""
        self._authority("root", "-signkey", "root.key")
        signer, above = "root", ""
        if intermediate:
            self._authority("intermediate", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial")
            signer, above = "intermediate", self._text("intermediate.crt")
        self._request("server")
        own = self._signed(name, signer)
        return Chain(Made(own.certificate + above, own.key), self._text("root.crt"))

    def _signed(self, name: str, signer: str) -> Made:
        """With the only line that PostgreSQL's manual lacks."""
        (self.folder / "name").write_text(f"subjectAltName={name}\n")
        signing = ("-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", "-CAcreateserial")
        self._run(*SIGN, "-in", "server.csr", *signing, "-extfile", "name", "-out", "server.crt")
        return self._read("server.crt", "server.key")

    def _authority(self, name: str, *signing: str) -> None:
        config = self._run("version", "-d").partition('"')[2].partition('"')[0] + "/openssl.cnf"
        self._request(name)
        extensions = ("-extfile", config, "-extensions", "v3_ca")
        self._run(*SIGN, "-in", f"{name}.csr", *extensions, *signing, "-out", f"{name}.crt")

    def _request(self, name: str) -> None:
        subject = f"/CN={name}.yourdomain.com"
        self._run("req", "-new", *NEW_KEY, "-out", f"{name}.csr", "-keyout", f"{name}.key", "-subj", subject)

    def _read(self, certificate: str, key: str) -> Made:
        return Made(self._text(certificate), self._text(key))

    def _text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


SIGN = ("x509", "-req", "-days", "365")
