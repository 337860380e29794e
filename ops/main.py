"""Run a module of this project as a command: `python -m ops.main MODULE ARGUMENTS…`.

What ends it without a fault of the product ends without a traceback: Ctrl-C, an output that nothing reads any more
(`status.sh | head`), and a module of this checkout that cannot be imported, of which one line is printed.
"""

import os
import runpy
import sys

# As a shell reports a process that a signal has ended.
INTERRUPTED, BROKEN_PIPE = 130, 141


def main() -> int:
    module = sys.argv[1]
    del sys.argv[0]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Otherwise Python reports a second error when it flushes the output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except SyntaxError as error:
        return _failed(f"{error.filename}, line {error.lineno}: {error.msg}")
    except ImportError as error:
        return _failed(f"{module} cannot be imported: {error}")
    return 0


def _failed(words: str) -> int:
    print(f"{'FAILED':<8}{words}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
