"""Passwords as PostgreSQL stores them: a verifier checks a password, and cannot be used to log in."""

import base64
import hashlib
import hmac

from shared.postgres.native import prepared

# PostgreSQL's own number. The passwords made here are random, so more iterations would protect nothing.
ITERATIONS = 4096


def verifier(password: str, salt: bytes) -> str:
    """Return what `PASSWORD '…'` takes in place of the password (RFC 5803, as in pg_authid)."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password.encode()), salt, ITERATIONS)
    client, server = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    keys = f"{_base64(hashlib.sha256(client).digest())}:{_base64(server)}"
    return f"SCRAM-SHA-256${ITERATIONS}:{_base64(salt)}${keys}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
