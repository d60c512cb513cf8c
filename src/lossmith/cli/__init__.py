"""The command line: parse, call, show.

Exit codes: 0 done, 1 findings, 2 usage or input error, 3 undecided (with `--strict`), 70 a fault of lossmith,
130 interrupted. `LOSSMITH_DEBUG=1` shows the traceback of any error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]

DONE, FINDINGS, USAGE, UNDECIDED, FAULT, INTERRUPTED = 0, 1, 2, 3, 70, 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    Parameters
    ----------
    arguments : sequence of str or None
        What was typed after `lossmith`; None takes it from the process.

    Examples
    --------
    >>> try:
    ...     main(["--version"])
    ... except SystemExit as end:
    ...     print("exit", end.code)
    lossmith 0.1.0
    exit 0
    """
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    from lossmith._errors import LossmithError
    from lossmith.cli._app import program
    from lossmith.cli._results import Interrupted

    try:
        code = program(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # whoever read our output has gone; nothing may be written at shutdown either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINDINGS
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except Interrupted as stopped:
        _say(str(stopped))
        return INTERRUPTED
    except LossmithError as error:
        _debug()
        _say(f"error: {error}")
        return USAGE
    except OSError as error:
        # a disk or folder of the user: no fault of lossmith
        _debug()
        place = f"{os.fsdecode(error.filename)!r}: " if isinstance(error.filename, str | bytes) else ""
        _say(f"error: {place}{error.strerror or error}; check the path, its permissions and the space on the disk")
        return USAGE
    except Exception as error:
        _debug()
        summary = " ".join(str(error).split())[:300]
        _say(
            f"lossmith failed: {type(error).__name__}: {summary}; this is a fault of lossmith, please report it with the "
            "output of `lossmith doctor` and of LOSSMITH_DEBUG=1"
        )
        return FAULT


def _debug() -> None:
    if os.environ.get("LOSSMITH_DEBUG"):
        import traceback

        traceback.print_exc()


def _say(text: str) -> None:
    print(" ".join(text.splitlines()), file=sys.stderr)
