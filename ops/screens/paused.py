"""Prints since when the flow is paused, from health/paused.json on stdin, which hands may have written.

python -m ops.screens.paused
"""

import sys

from ops.screens.terminal import escaped
from shared.lake.pause import since_of

if __name__ == "__main__":
    print(escaped(since_of(sys.stdin.buffer.read())))
