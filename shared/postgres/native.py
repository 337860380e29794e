"""pg8000's connection with passwords, encodings and times handled as PostgreSQL's own client handles them."""

import socket
import struct
import unicodedata
from stringprep import (
    in_table_a1,
    in_table_b1,
    in_table_c3,
    in_table_c4,
    in_table_c5,
    in_table_c6,
    in_table_c7,
    in_table_c8,
    in_table_c9,
    in_table_c12,
    in_table_c21_c22,
    in_table_d1,
    in_table_d2,
)
from typing import Any

import pg8000.native

from shared.postgres.times import date_from_text, timestamp_from_text

SASL = 10  # the server's request to log in by SCRAM
# The name in a SCRAM message: the server ignores it and uses the one that the session began with.
NO_NAME = b"*"
# RFC 4013: control, private, non-characters, surrogates, tags, and what Unicode 3.2 did not have yet.
FORBIDDEN = (
    *(in_table_a1, in_table_c21_c22, in_table_c3, in_table_c4, in_table_c5, in_table_c6),
    *(in_table_c7, in_table_c8, in_table_c9),
)


class Native(pg8000.native.Connection):  # type: ignore[misc] # pg8000 has no types
    """A pg8000 connection over a given socket.

    Raises pg8000's errors, OSError, struct.error, and anything when the other side is not PostgreSQL.
    """

    user: bytes
    password: bytes
    _client_encoding: str

    def __init__(self, line: socket.socket, *, user: str, password: str, database: str) -> None:
        super().__init__(
            user,
            sock=line,
            ssl_context=False,
            database=database,
            password=password,
            application_name="totestream",
            # Set at once: pg8000 cannot use some of the encodings that a login may be set to.
            startup_params={"client_encoding": "UTF8"},
        )
        for oid in (pg8000.native.TIMESTAMP, pg8000.native.TIMESTAMPTZ):
            self.register_in_adapter(oid, timestamp_from_text)
        self.register_in_adapter(pg8000.native.DATE, date_from_text)

    @property
    def announced_process(self) -> int | None:
        """Return the server process that was named at the login; a pooler names one that does not exist."""
        announced = self._backend_key_data
        return int(struct.unpack_from("!i", announced)[0]) if announced else None

    def handle_PARAMETER_STATUS(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
        super().handle_PARAMETER_STATUS(data, context)
        if self._client_encoding == "ascii":
            # SQL_ASCII: the server converts nothing, and text that is not UTF-8 is reported by us.
            self._client_encoding = "utf8"

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
        if struct.unpack_from("!i", data)[0] != SASL:
            super().handle_AUTHENTICATION_REQUEST(data, context)
            return
        user, password = self.user, self.password
        # scramp refuses names and passwords that PostgreSQL accepts: it gets others at first.
        self.user, self.password = NO_NAME, NO_NAME
        try:
            super().handle_AUTHENTICATION_REQUEST(data, context)
        finally:
            self.user, self.password = user, password
        self.auth.password = prepared(password)


def prepared(password: bytes) -> bytes:
    """Return the password as PostgreSQL prepares it for SCRAM: one that SASLprep rejects is left as it is.

    Like PostgreSQL, it looks for forbidden characters before the text is normalized, not after.
    """
    try:
        mapped = [" " if in_table_c12(sign) else sign for sign in password.decode()]
    except UnicodeDecodeError:
        return password
    kept = [sign for sign in mapped if not in_table_b1(sign)]
    if password.isascii() or not kept or any(is_forbidden(sign) for sign in kept for is_forbidden in FORBIDDEN):
        return password
    if any(map(in_table_d1, kept)) and (
        any(map(in_table_d2, kept)) or not (in_table_d1(kept[0]) and in_table_d1(kept[-1]))
    ):
        return password
    return unicodedata.normalize("NFKC", "".join(kept)).encode()
