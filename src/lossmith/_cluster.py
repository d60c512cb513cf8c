"""Work spread over the machines of a Ray cluster (the `ray` extra): attached within seconds, retried when a worker is lost.

Ray schedules; this module says what is sent, how often a task may be lost, and what an interruption keeps. What all tasks
share is sent once and turned once into what a worker process keeps between its tasks.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, final

from lossmith._errors import ClusterError, InvalidInputError, MissingExtraError
from lossmith._spread import Shared, Spread, one_line

__all__ = ["Cluster", "attached", "check_address", "connected"]

AUTO, LOCAL = "auto", "local"
# seconds until an address that does not answer is given up
PATIENCE = 5.0
# Ray speaks gRPC, which is HTTP/2: to these words every server of it answers with a frame of settings (RFC 9113, 3.4 and 6.5)
SETTINGS, FRAME = b"\x04", 9
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00" + SETTINGS + b"\x00\x00\x00\x00\x00"

_ADDRESS = re.compile(r"(?P<client>ray://)?(?P<host>[\w.\-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})")


def check_address(text: str) -> str:
    """Return an address of a cluster as Ray takes it; nothing is contacted.

    Parameters
    ----------
    text : str
        `auto`, `local`, `HOST:PORT` or `ray://HOST:PORT`.

    Raises
    ------
    InvalidInputError

    Examples
    --------
    >>> check_address("10.0.0.5:6379"), check_address("auto")
    ('10.0.0.5:6379', 'auto')
    """
    found = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if text in (AUTO, LOCAL) or (found and 0 < int(found["port"]) < 65536):
        return text
    raise InvalidInputError(
        f"cluster {text!r}",
        expected="auto, local, HOST:PORT or ray://HOST:PORT",
        advice="auto is the cluster that this machine belongs to, local starts Ray on this machine alone",
    )


@final
class Cluster:
    """An attached cluster; use `attached` to get one.

    Attributes
    ----------
    address : str
    gpus : bool
        Whether every task takes an accelerator of its own beside its core.
    lost : int
        Workers that were lost under a task so far.
    doubled : int
        Tasks that were begun a second time because they took long.
    """

    def __init__(self, address: str, *, gpus: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.address, self.gpus, self.clock = address, gpus, clock
        self.lost = 0
        self.doubled = 0

    @property
    def slots(self) -> int:
        """Tasks that run at once on the machines that are there now."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        return max(1, sum(int(min(n.get("CPU", 0), n.get("GPU", 0) if self.gpus else math.inf)) for n in nodes))

    def share(self, value: Any, build: Callable[[Any], Any]) -> Shared:
        """Send a value to the cluster once, for any number of tasks.

        Raises
        ------
        ClusterError
            It cannot be sent.
        """
        import ray

        try:
            return Shared(uuid.uuid4().hex, ray.put(value), build)
        except (TypeError, AttributeError, ray.exceptions.RayError) as error:
            raise ClusterError(
                f"what the workers need cannot be sent: {one_line(error)}",
                advice="define functions of yours in a module that every machine has",
            ) from error

    def spread(
        self,
        shared: Shared,
        function: Callable[..., Any],
        tasks: Iterable[tuple[str, tuple[Any, ...]]],
        done: Callable[[str, Any], None],
        *,
        tick: Callable[[], None] | None = None,
    ) -> None:
        """Call `function(state, *arguments)` on the workers; `done(key, result)` is called here as each one ends.

        Parameters
        ----------
        shared : Shared
            `state` is what it builds in the worker.
        function : callable
            Of a module that every machine has.
        tasks : iterable of (key, arguments)
            Drawn as workers become free.
        done : callable
            What it stores is safe before anything that failed is raised.
        tick : callable, optional
            Called about once a second while nothing ends.

        Raises
        ------
        ClusterError
            A task lost its worker too often, or no machine can run it.
        LossmithError
            What the function raised.
        KeyboardInterrupt
            The running tasks were cancelled; those that had ended were handed to `done`.
        """
        Spread(self, shared, function, done, tick).run(tasks)


@contextmanager
def connected(address: str | None) -> Iterator[Cluster | None]:
    """Attach to a cluster for the length of a block where one is named; None is this process alone.

    Examples
    --------
    >>> with connected(None) as cluster:
    ...     cluster is None
    True
    """
    if address is None:
        yield None
        return
    with attached(address) as cluster:
        yield cluster


@contextmanager
def attached(address: str) -> Iterator[Cluster]:
    """Attach to a cluster for the length of a block; one that this process is attached to already stays so.

    Parameters
    ----------
    address : str
        See `check_address`.

    Raises
    ------
    InvalidInputError
        No such form of address.
    MissingExtraError
        Ray is not installed.
    ClusterError
        Nobody answers there within seconds, it is no Ray cluster, or one of another version.
    """
    check_address(address)
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "Ray is not installed", expected="it, to work on many machines", advice="pip install 'lossmith[ray]'"
        ) from error
    ours = not ray.is_initialized()
    if ours:
        _attach(ray, address)
    try:
        yield Cluster(address, gpus=float(ray.cluster_resources().get("GPU", 0)) >= 1)
    finally:
        if ours:
            ray.shutdown()


def _attach(ray: Any, address: str) -> None:
    # nothing about this machine or its work is told to anybody
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address not in (AUTO, LOCAL):
        _answers(address)
    options: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": True}
    if address == LOCAL:
        options["include_dashboard"] = False
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError, ImportError, Exception) as error:
        with contextlib.suppress(Exception):
            ray.shutdown()
        if address == AUTO:
            raise ClusterError(
                f"no cluster on this machine: {one_line(error)}",
                expected="a running Ray",
                advice="start it (ray start --head), give its address, or use local for this machine alone",
            ) from error
        raise ClusterError(
            f"cluster {address!r} cannot be joined: {one_line(error)}",
            expected="a Ray cluster of this version that this machine belongs to, or its client server (ray://HOST:10001)",
            advice="compare `ray --version` on both sides, and run `ray start --address HOST:PORT` here first",
        ) from error


def _answers(address: str) -> None:
    """Raise unless something that may be Ray answers: to anything else Ray would listen for minutes, and end the process."""
    found = _ADDRESS.fullmatch(address)
    host, port = (found["host"].strip("[]"), int(found["port"])) if found else ("", 0)
    try:
        with socket.create_connection((host, port), timeout=PATIENCE) as line:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            line.sendall(GREETING)
            answer = b""
            while len(answer) < FRAME and (more := line.recv(FRAME - len(answer))):
                answer += more
    except OSError as error:
        raise ClusterError(
            f"cluster {address!r} does not answer: {error.strerror or error}",
            expected=f"a Ray cluster within {PATIENCE:g} s",
            advice="check the address, or start it (ray start --head)",
        ) from error
    if answer[3:4] != SETTINGS:
        raise ClusterError(
            f"what answers at {address!r} is no Ray cluster",
            expected="the address that ray start --head prints",
            advice="check the port: 6379, or 10001 with ray:// before it, where nothing else was said",
        )
