"""One AWS CLI call through server.py: `client.py SOCKET ARGUMENTS…` is `aws ARGUMENTS…`.

Imports as little as it can: this is the whole cost of a call's start.
"""

import json
import os
import socket
import sys

LOST = 255


def main() -> int:
    path, *arguments = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        request = json.dumps([arguments, dict(os.environ)]).encode() + b"\n"
        sent = socket.send_fds(server, [request], [0, 1, 2])
        server.sendall(request[sent:])
        code = server.recv(1)
    return code[0] if code else LOST


if __name__ == "__main__":
    sys.exit(main())
