"""Open a line to a server: look up its name, connect by TCP, verify its certificate by TLS."""

import socket
import ssl
import struct

from shared.postgres.errors import NoHostName, NoTls, NotPostgreSQL

# The request for TLS that begins PostgreSQL's protocol: its length, and a number that is not a protocol version.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def dial(host: str, port: int, context: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    """Return a socket to `host`, with TLS where there is a `context`. Raises OSError, NoHostName, NoTls, NotPostgreSQL.

    pg8000 would take a connection that is closed during this exchange for a server without TLS.
    """
    try:
        line = socket.create_connection((host, port), timeout_s)
    except UnicodeError:
        raise NoHostName from None
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # pg8000 sends COPY in small pieces: with Nagle's algorithm each COPY waits 40 ms for an acknowledgement.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _secured(line, host, context) if context else line
    except BaseException:
        line.close()
        raise


def _secured(line: socket.socket, host: str, context: ssl.SSLContext) -> socket.socket:
    line.sendall(SSL_REQUEST)
    match line.recv(1):
        case b"S":
            return context.wrap_socket(line, server_hostname=host)
        case b"N":
            raise NoTls
        case b"E" | b"":
            # It has no free process, or is shutting down.
            raise ConnectionResetError("the server hung up")
        case _:
            raise NotPostgreSQL
