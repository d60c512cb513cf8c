"""Which process trains a run: an identity that dies with the process, so that no run is "running" for ever.

A process number alone is used again sooner or later. Number, start time and the boot of the machine together are not.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

__all__ = ["claimed", "is_alive", "process_identity", "released"]

# identities of the stores that this process has open: a store that could not write its farewell trains nothing either
_OPEN: set[str] = set()


def claimed() -> str:
    """Return a new identity within this process, alive until it is released or the process ends.

    Examples
    --------
    >>> identity = claimed()
    >>> is_alive(identity), released(identity), is_alive(identity)
    (True, None, False)
    """
    identity = json.dumps({**json.loads(process_identity()), "opened": time.time_ns(), "by": len(_OPEN)})
    _OPEN.add(identity)
    return identity


def released(identity: str) -> None:
    """Let an identity of this process die.

    Examples
    --------
    >>> released("of nobody")
    """
    _OPEN.discard(identity)


def process_identity() -> str:
    """Return the identity of this process as JSON: process number, start time and boot, as far as the system says.

    Examples
    --------
    >>> is_alive(process_identity())
    True
    """
    pid = os.getpid()
    return json.dumps({"pid": pid, "started": _started(pid), "boot": _boot()})


def is_alive(identity: str) -> bool:
    """Return whether the process of that identity still runs here.

    What cannot be known counts as ended: a run that two processes train by mistake costs time, not results, because a
    group gives the same numbers whoever trains it.

    Examples
    --------
    >>> is_alive('{"pid": 1, "started": "long ago", "boot": "another"}'), is_alive("damaged")
    (False, False)
    """
    try:
        known = json.loads(identity)
        pid, started, boot = int(known["pid"]), known["started"], known["boot"]
    except (ValueError, TypeError, KeyError):
        return False
    if pid == os.getpid():
        return bool(started == _started(pid) and boot == _boot()) and ("by" not in known or identity in _OPEN)
    if started is None or boot != _boot():
        return False
    return bool(_started(pid) == started)


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since boot, or None where the system does not say."""
    try:
        # the name of the program stands in parentheses and may itself hold spaces and parentheses
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # a zombie holds its number but trains nothing
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
