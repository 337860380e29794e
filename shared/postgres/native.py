"""pg8000's session with three things done as PostgreSQL's own client does them: passwords, encodings and times."""

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
# What the server reads as the name in a SCRAM message: it goes by the one that the session began with.
NO_NAME = b"*"
# RFC 4013: control, private, non-characters, surrogates, tags, and what Unicode 3.2 did not know yet.
FORBIDDEN = (
    *(in_table_a1, in_table_c21_c22, in_table_c3, in_table_c4, in_table_c5, in_table_c6),
    *(in_table_c7, in_table_c8, in_table_c9),
)


class Native(pg8000.native.Connection):  # type: ignore[misc] # pg8000 has no types
    """Raises pg8000's errors, OSError, struct.error, and whatever a server that is none makes pg8000 stumble on."""

    def __init__(self, line: socket.socket, *, user: str, password: str, database: str) -> None:
        super().__init__(
            user,
            sock=line,
            ssl_context=False,
            database=database,
            password=password,
            application_name="totestream",
            # Asked for at once: pg8000 could not even speak in some of the encodings that a login may be set to.
            startup_params={"client_encoding": "UTF8"},
        )
        for oid in (pg8000.native.TIMESTAMP, pg8000.native.TIMESTAMPTZ):
            self.register_in_adapter(oid, timestamp_from_text)
        self.register_in_adapter(pg8000.native.DATE, date_from_text)

    @property
    def announced_process(self) -> int | None:
        """The server process that the login was told of; a pooler tells of none that there is."""
        told = self._backend_key_data
        return int(struct.unpack_from("!i", told)[0]) if told else None

    def handle_PARAMETER_STATUS(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
        super().handle_PARAMETER_STATUS(data, context)
        if self._client_encoding == "ascii":
            # SQL_ASCII: the server converts nothing, and what is no UTF-8 is an error of ours.
            self._client_encoding = "utf8"

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:  # noqa: N802 - pg8000's name
        if struct.unpack_from("!i", data)[0] != SASL:
            super().handle_AUTHENTICATION_REQUEST(data, context)
            return
        user: bytes = self.user
        password: bytes = self.password
        # scramp refuses names and passwords that PostgreSQL takes: it is given others to begin with.
        self.user, self.password = NO_NAME, NO_NAME
        try:
            super().handle_AUTHENTICATION_REQUEST(data, context)
        finally:
            self.user, self.password = user, password
        self.auth.password = prepared(password)


def prepared(password: bytes) -> bytes:
    """Return the password as PostgreSQL prepares it for SCRAM: one that SASLprep does not take is left as it is.

    As PostgreSQL does it, what is forbidden is looked for before the text is normalized, and not after.
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
