"""Tasks on a cluster: what is lost is begun again, what is slow is begun twice, what failed is said; Ray is a stand-in with a clock of its own."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import pytest

from lossmith import _cluster, _spread
from lossmith._cluster import Cluster, attached, check_address, connected
from lossmith._errors import ClusterError, DataError, InvalidInputError, MissingExtraError


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


ERRORS = {"RayError": RayError, "RayTaskError": RayTaskError} | {
    name: type(name, (RayError,), {})
    for name in ("WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "ObjectLostError", "RaySystemError", "TaskCancelledError")
}  # fmt: skip
NEVER = 1e9


class StandIn(ModuleType):
    """Ray as far as `_cluster` uses it. `script(key, attempt) -> (seconds, result or exception)`."""

    def __init__(self, script, slots=2):
        super().__init__("ray")
        self.script, self.now, self.slots = script, 0.0, slots
        self.exceptions = SimpleNamespace(**ERRORS)
        self.submitted, self.cancelled, self.attempts, self.waiting, self.busy = [], [], {}, [], []
        self.initialized, self.shut = True, 0
        self.interrupt_at = None

    def is_initialized(self):
        return self.initialized

    def cluster_resources(self):
        return {"CPU": self.slots}

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": self.slots}}, {"Alive": False, "Resources": {"CPU": 64}}]

    def put(self, value):
        return value

    def remote(self, **options):
        self.options = options

        def submit(box, token, build, function, arguments, environment):
            key = arguments[0]
            attempt = self.attempts[key] = self.attempts.get(key, 0) + 1
            seconds, outcome = self.script(key, attempt)
            ref = SimpleNamespace(key=key, attempt=attempt, seconds=seconds, outcome=outcome, ends=None)
            self.submitted.append(key)
            self.waiting.append(ref)
            self._begin()
            return _Ref(ref)

        return lambda _: SimpleNamespace(remote=submit)

    def _begin(self):
        while self.waiting and len(self.busy) < self.slots:
            one = self.waiting.pop(0)
            one.ends = self.now + one.seconds
            self.busy.append(one)

    def wait(self, refs, num_returns, timeout):
        if self.interrupt_at is not None and self.now >= self.interrupt_at:
            self.interrupt_at = None
            raise KeyboardInterrupt
        limit = self.now + timeout
        while True:
            ended = [ref for ref in refs if ref.task.ends is not None and ref.task.ends <= self.now]
            if ended or self.now >= limit:
                ended = ended[:num_returns]
                return ended, [ref for ref in refs if ref not in ended]
            self.now = min([limit, *(one.ends for one in self.busy if one.ends > self.now)])
            self.busy = [one for one in self.busy if one.ends > self.now]
            self._begin()

    def get(self, ref):
        if isinstance(ref.task.outcome, Exception):
            raise ref.task.outcome
        return ref.task.outcome

    def cancel(self, ref, *, force):
        assert force
        self.cancelled.append(ref.task.key)
        self.busy = [one for one in self.busy if one is not ref.task]
        self.waiting = [one for one in self.waiting if one is not ref.task]
        self._begin()

    def shutdown(self):
        self.shut += 1


class _Ref:
    def __init__(self, task):
        self.task = task


def spread(monkeypatch, script, keys, *, slots=2, tick=None, ray=None, done=None):
    ray = ray or StandIn(script, slots)
    monkeypatch.setitem(sys.modules, "ray", ray)
    cluster = Cluster("auto", clock=lambda: ray.now)
    found = {}
    error = None
    try:
        cluster.spread(
            cluster.share(None, None), print, ((key, (key,)) for key in keys), done or found.__setitem__, tick=tick
        )
    except BaseException as raised:
        error = raised
    return SimpleNamespace(ray=ray, cluster=cluster, found=found, error=error)


def test_every_task_ends_once_and_no_more_are_handed_over_than_twice_the_slots(monkeypatch):
    most = []
    ray = StandIn(lambda key, attempt: (1.0, key * 2))
    keys = [f"{n:02d}" for n in range(17)]
    run = spread(
        monkeypatch,
        None,
        keys,
        ray=ray,
        done=lambda key, result: most.append((key, result, len(ray.waiting) + len(ray.busy))),
    )
    assert run.error is None
    assert [key for key, _, _ in most] == keys
    assert all(result == key * 2 for key, result, _ in most)
    assert max(open_ for _, _, open_ in most) <= 4
    assert ray.options == {"num_cpus": 1, "max_retries": 0, "num_gpus": 0}
    assert ray.now == 9.0  # 17 tasks of a second on two workers


@pytest.mark.parametrize("name", ["WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "ObjectLostError"])
def test_what_is_lost_with_its_worker_is_begun_again(monkeypatch, name):
    run = spread(
        monkeypatch, lambda key, attempt: (1.0, ERRORS[name]("gone") if key == "b" and attempt < 4 else key), "abc"
    )
    assert run.error is None
    assert run.found == {"a": "a", "b": "b", "c": "c"}
    assert run.cluster.lost == 3
    assert run.ray.attempts == {"a": 1, "b": 4, "c": 1}


@pytest.mark.parametrize(
    ("name", "words"), [("NodeDiedError", "look at the machines"), ("OutOfMemoryError", "--memory")]
)
def test_out_of_retries_is_one_line_and_what_ended_is_kept(monkeypatch, name, words):
    run = spread(monkeypatch, lambda key, attempt: (1.0, ERRORS[name]("gone") if key == "b" else key), "abcdefgh")
    assert isinstance(run.error, ClusterError)
    assert str(run.error).startswith("b was lost with its worker 4 times")
    assert words in str(run.error)
    assert "\n" not in str(run.error)
    assert run.ray.attempts["b"] == 4
    assert set(run.found) >= {"a", "c", "d"}
    assert not run.ray.busy and not run.ray.waiting  # the rest was cancelled


def test_an_error_of_the_task_is_raised_as_it_is_and_not_tried_again(monkeypatch):
    mine = DataError("column 'y'", expected="numbers", advice="convert it")
    for cause in (mine, ZeroDivisionError("by zero")):
        run = spread(monkeypatch, lambda key, attempt: (1.0, RayTaskError(cause) if key == "b" else key), "abc")  # noqa: B023
        assert run.error is cause
        assert run.found["a"] == "a"
        assert run.ray.attempts["b"] == 1


def test_a_worker_without_a_module_says_what_to_install(monkeypatch):
    for raised in (
        RayTaskError(ModuleNotFoundError("No module named 'mine'")),
        ERRORS["RaySystemError"](
            "System error: No module named 'mine'\ntraceback: Traceback (most recent call last):\n  File ..."
        ),
    ):
        run = spread(monkeypatch, lambda key, attempt: (1.0, raised), "a")  # noqa: B023
        assert isinstance(run.error, ClusterError)
        assert "No module named 'mine'" in str(run.error)
        assert "Traceback" not in str(run.error)
        assert "on each machine" in str(run.error)


def test_a_straggler_is_begun_twice_and_the_first_to_end_counts(monkeypatch):
    run = spread(
        monkeypatch, lambda key, attempt: (NEVER if (key, attempt) == ("b", 1) else 1.0, (key, attempt)), "abcdef"
    )
    assert run.error is None
    assert run.found["b"] == ("b", 2)
    assert len(run.found) == 6
    assert run.cluster.doubled == 1
    assert run.ray.cancelled == ["b"]
    # three times the median is less than the least that is waited
    assert 10.0 < run.ray.now < 20.0


def test_a_task_is_not_begun_twice_while_others_wait_for_a_worker(monkeypatch):
    run = spread(monkeypatch, lambda key, attempt: (30.0 if key == "b" else 4.0, key), "abcdefghijkl")
    assert run.error is None
    assert run.cluster.doubled == 0


def test_ctrl_c_keeps_what_has_ended_and_cancels_the_rest(monkeypatch):
    ray = StandIn(lambda key, attempt: (1.0 if key < "d" else NEVER, key))
    ray.interrupt_at = 3.0
    run = spread(monkeypatch, None, "abcdefgh", ray=ray)
    assert isinstance(run.error, KeyboardInterrupt)
    assert run.found == {"a": "a", "b": "b", "c": "c"}
    assert set(ray.cancelled) == {"d", "e", "f", "g"}
    assert "h" not in ray.submitted


def test_an_error_of_the_store_stops_the_workers(monkeypatch):
    def full(key, result):
        raise OSError("disk full")

    run = spread(monkeypatch, lambda key, attempt: (1.0, key), "abc", done=full)
    assert isinstance(run.error, OSError)
    assert not run.ray.busy and not run.ray.waiting


def test_the_tick_comes_while_nothing_ends(monkeypatch):
    ticks = []
    run = spread(monkeypatch, lambda key, attempt: (5.0, key), "a", tick=lambda: ticks.append(1))
    assert run.error is None
    assert len(ticks) == 4


def test_slots_are_those_of_living_machines_and_of_accelerators_where_tasks_take_one(monkeypatch):
    ray = StandIn(None, slots=3)
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert Cluster("auto").slots == 3
    assert Cluster("auto", gpus=True).slots == 1  # none there: one task that waits
    ray.nodes = lambda: [
        {"Alive": True, "Resources": {"CPU": 16, "GPU": 2}},
        {"Alive": True, "Resources": {"CPU": 1, "GPU": 4}},
    ]
    assert Cluster("auto").slots == 17
    assert Cluster("auto", gpus=True).slots == 3


def test_what_a_worker_makes_of_the_shared_value_is_made_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda ref: ref))
    monkeypatch.setenv("XLA_FLAGS", "mine")
    monkeypatch.setenv("LOSSMITH_CACHE", "here")
    monkeypatch.delenv("LOSSMITH_THREADS", raising=False)
    monkeypatch.setattr(_spread, "_HELD", {})
    made = []

    def build(value):
        made.append(value)
        return value

    environment = {"XLA_FLAGS": "theirs", "LOSSMITH_CACHE": "elsewhere"}
    for token, value in (("one", 1), ("one", 1), ("two", 2)):
        assert _spread._task([value], token, build, lambda state, more: state + more, (10,), environment) == value + 10
    assert made == [1, 2]
    assert list(_spread._HELD) == ["two"]
    import os

    assert (os.environ["XLA_FLAGS"], os.environ["LOSSMITH_CACHE"]) == ("theirs", "here")
    assert os.environ.pop("LOSSMITH_THREADS") == "1"


@pytest.mark.parametrize(
    "text", ["", "auto ", "10.0.0.5", "host:", "host:0", "host:70000", "http://host:80", "a b:80", None, 6379]
)
def test_an_address_that_is_none_is_refused_before_anything_happens(text):
    with pytest.raises(InvalidInputError, match=r"auto, local, HOST:PORT"):
        check_address(text)


@pytest.mark.parametrize(
    "text", ["auto", "local", "10.0.0.5:6379", "ray://head.example.org:10001", "[::1]:6379", "localhost:1"]
)
def test_addresses(text):
    assert check_address(text) == text


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lossmith\[ray\]'"), attached("auto"):
        pass


def test_an_address_that_nobody_answers_at_is_given_up_within_seconds(monkeypatch):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    ray = StandIn(None)
    ray.initialized = False
    monkeypatch.setitem(sys.modules, "ray", ray)
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", f"no-such-host.invalid:{port}"):
        began = time.monotonic()
        with pytest.raises(ClusterError, match="does not answer"), attached(address):
            pass
        assert time.monotonic() - began < 2 * _cluster.PATIENCE


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Ray cluster"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no Ray cluster"),
        (b"", "is no Ray cluster"),
        (b"\x00\x00", "is no Ray cluster"),
        (None, "does not answer: timed out"),
        (b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64", None),
    ],
)
def test_what_is_no_ray_is_told_by_its_first_bytes(monkeypatch, reply, words):
    """Ray itself would listen to a web server for two minutes and then end the process."""
    monkeypatch.setattr(_cluster, "PATIENCE", 3.0)
    done = threading.Event()

    def answer(server):
        line, _ = server.accept()
        with line:
            line.recv(100)
            if reply is None:
                done.wait(20)
            else:
                with contextlib.suppress(ConnectionError):  # who has read enough hangs up
                    for place in range(len(reply)):  # byte by byte
                        line.sendall(reply[place : place + 1])

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        try:
            if words is None:
                _cluster._answers(address)
            else:
                with pytest.raises(ClusterError, match=words):
                    _cluster._answers(address)
        finally:
            done.set()
            thread.join()


def test_what_ray_says_while_joining_is_one_line(monkeypatch):
    ray = StandIn(None)
    ray.initialized = False

    def init(**options):
        raise ConnectionError("Could not find\nany running Ray instance.")

    ray.init = init
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(_cluster, "_answers", lambda address: None)
    for address, advice in (
        ("auto", "ray start --head"),
        ("local", "ray --version"),
        ("10.0.0.5:6379", "ray start --address"),
    ):
        with pytest.raises(ClusterError, match="Could not find any running Ray instance") as raised, attached(address):
            pass
        assert advice in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_process_that_is_attached_already_stays_so(monkeypatch):
    ray = StandIn(None)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with attached("auto") as cluster:
        assert cluster.slots == 2
    assert ray.shut == 0
    ray.initialized, ray.init = False, lambda **options: options
    with pytest.raises(ZeroDivisionError), attached("local"):
        raise ZeroDivisionError
    assert ray.shut == 1
    with connected(None) as nothing:
        assert nothing is None
