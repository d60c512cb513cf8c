"""Faults in the system calls of SQLite: killed, full or failing at the n-th write, by the hook that SQLite's own tests use.

SQLite reaches its files through a table of system calls, which `xSetSystemCall` of its VFS replaces for one process. What
is counted are the calls that change a file: writes, truncations and removals.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterator

WRITES = ("write", "pwrite", "pwrite64", "ftruncate", "unlink", "fallocate")

_VOIDS = ("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose", "xRandomness",
          "xSleep", "xCurrentTime", "xGetLastError", "xCurrentTimeInt64")  # fmt: skip
_SIGNATURES = {
    "write": (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t),
    "pwrite": (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64),
    "pwrite64": (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64),
    "ftruncate": (ctypes.c_int, ctypes.c_int, ctypes.c_int64),
    "fallocate": (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64),
    "unlink": (ctypes.c_int, ctypes.c_char_p),
}


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in _VOIDS),
        ("xSetSystemCall", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)),
        ("xGetSystemCall", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)),
        ("xNextSystemCall", ctypes.c_void_p),
    ]


Fault = Callable[[str, tuple], "int | None"]  # name and arguments of a call; an error number, or None to let it pass


@contextlib.contextmanager
def faults(fault: Fault) -> Iterator[None]:
    """Ask `fault` before each call of SQLite that changes a file, in this process, until the block ends."""
    library = ctypes.CDLL(_sqlite3.__file__, use_errno=True)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    library.sqlite3_vfs_find.argtypes = (ctypes.c_char_p,)
    vfs = library.sqlite3_vfs_find(None)
    kept = []
    for name in WRITES:
        address = vfs.contents.xGetSystemCall(vfs, name.encode())
        if not address:
            continue  # this build does not use it
        kind = ctypes.CFUNCTYPE(*_SIGNATURES[name], use_errno=True)
        original = kind(address)

        def called(*arguments, name=name, original=original):
            number = fault(name, arguments)
            if number is None:
                result = original(*arguments)
                number = ctypes.get_errno()
            else:
                result = -1
            ctypes.set_errno(number)
            return result

        hook = kind(called)
        kept.append((name, address, hook, original))
        vfs.contents.xSetSystemCall(vfs, name.encode(), ctypes.cast(hook, ctypes.c_void_p))
    assert any(name in ("pwrite", "pwrite64", "write") for name, *_ in kept)
    try:
        yield
    finally:
        for name, address, _, _ in kept:
            vfs.contents.xSetSystemCall(vfs, name.encode(), address)


def killed_at(number: int, *, torn: bool = False) -> Fault:
    """Return the fault that ends this process at its n-th write; where `torn`, after half of its bytes."""
    count = 0

    def fault(name: str, arguments: tuple) -> int | None:
        nonlocal count
        count += 1
        if count < number:
            return None
        if torn and name in ("write", "pwrite", "pwrite64"):
            half = ctypes.string_at(arguments[1], arguments[2] // 2)
            if name == "write":
                os.write(arguments[0], half)
            else:
                os.pwrite(arguments[0], half, arguments[3])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a killed process went on")

    return fault


def failing_from(number: int, error: int, *, calls: int = 10**9) -> Fault:
    """Return the fault that gives an error number at the n-th write, and at so many from there on."""
    count = 0

    def fault(name: str, arguments: tuple) -> int | None:
        nonlocal count
        count += 1
        return error if number <= count < number + calls else None

    return fault
