"""The line to a server: its name looked up, TCP, and TLS that proves who it is."""

import socket
import ssl
import struct

from shared.postgres.errors import NoHostName, NoTls, NotPostgreSQL

# The request for TLS that begins PostgreSQL's protocol: its length, and a number that is no version.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def dial(host: str, port: int, context: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    """Return a line to `host`, with TLS where there is a `context`. Raises OSError, NoHostName, NoTls or NotPostgreSQL.

    Done here and not by pg8000, which takes a line that is cut in the midst for a server without TLS.
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
            # It has no process to spare, or is going down.
            raise ConnectionResetError("the server hung up")
        case _:
            raise NotPostgreSQL
