"""Opening a file loads no module on its behalf, whatever it names, and nothing that lossmith does by itself opens a socket."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# each makes two sound files of a kind, `a` and `b`, and says how they are opened
KINDS = {
    "network": """
        from trained_runs import ended
        from lossmith.compare import TrainedModel
        for name, loss in (("a", "hinge"), ("b", "brier")):
            ended("circles", losses=loss, model="mlp:hidden=3", epochs=1).model(loss).save(folder / name)
        read = TrainedModel.load
    """,
    "classical": """
        import lossmith
        from lossmith.compare import classical_model, compare_models
        rng = np.random.default_rng(0)
        pair = (rng.normal(size=(60, 2)), np.arange(60) % 2)
        for name, model in (("a", "logistic"), ("b", "naive_bayes")):
            compare_models(pair, models=model, save_model=folder / name)
        read = classical_model.load
    """,
    "estimator": """
        from lossmith.estimators import RBFNetworkRegressor, load
        rng = np.random.default_rng(0)
        for name in "ab":
            RBFNetworkRegressor(n_centers=3, random_state=0).fit(rng.normal(size=(30, 2)), rng.normal(size=30)).save(folder / name)
        read = load
    """,
    "skops": """
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import GaussianNB
        from lossmith.estimators import load_classical, save_classical
        for name, model in (("a", GaussianNB()), ("b", LogisticRegression())):
            save_classical(model.fit(np.arange(8.0)[:, None], np.arange(8) % 2), folder / name)
        read = load_classical
    """,
    "language model": """
        from lossmith.text import LanguageModel, train_text
        for name, cell in (("a", "lstm"), ("b", "gru")):
            train_text("to be or not to be, " * 40, cell=cell, hidden=(3,), epochs=1, batch_size=4, window=10).model.save(folder / name)
        read = LanguageModel.load
    """,
    "generative": """
        from lossmith.generative import Autoencoder, load
        rng = np.random.default_rng(0)
        for name in "ab":
            Autoencoder(latent=1, network="dense:hidden=3", epochs=1, random_state=0).fit(rng.normal(size=(40, 2))).save(folder / name)
        read = load
    """,
    "profile": """
        from lossmith import drift
        for name in ("a.json", "b.json"):
            drift.profile({"x": np.arange(50.0), "c": np.array(list("ab") * 25)}).save(folder / name)
        (folder / "a.json").rename(folder / "a"); (folder / "b.json").rename(folder / "b")
        read = drift.Profile.read
    """,
    "store": """
        from lossmith.compare.store import Store
        for name in "ab":
            with Store.open(folder / name) as store:
                run = store.create_run(kind="compare", name=name, settings={}, data={}, fingerprint="", versions={})
                store.save_group(run, "g", {"x": np.arange(3)})
        def read(path):
            with Store.open(path, read_only=True) as store:
                return store.runs(), store.groups(1)
    """,
}
MAKE = """
    import sys
    from pathlib import Path
    import numpy as np
    sys.path.insert(0, {tests!r})
    folder = Path({folder!r})
"""
OPEN = """
    read(folder / "a")  # the first of its kind loads what lossmith itself needs
    sys.path.insert(0, str(folder / "modules"))
    calls = []
    sys.addaudithook(lambda event, arguments: calls.append(arguments[0]) if event == "import" else None)
    before = set(sys.modules)
    read(folder / "b")
    print(json.dumps(sorted(set(sys.modules) - before) + [f"asked for {name}" for name in calls if name not in before]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_loads_no_module(tmp_path, kind):
    tests = str(Path(__file__).resolve().parents[1])
    reading = [
        line
        for line in textwrap.dedent(KINDS[kind]).splitlines()
        if line.startswith(("from", "import", "read", "def", "    with", "        return"))
    ]
    program = textwrap.dedent(MAKE.format(tests=tests, folder=str(tmp_path)))
    made = subprocess.run(
        [sys.executable, "-c", program + textwrap.dedent(KINDS[kind])], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    # another process, which knows nothing of what was made
    kept = (
        [line for line in reading if "with Store" not in line]
        if kind != "store"
        else textwrap.dedent(KINDS[kind]).splitlines()[6:]
    )
    opening = "\n".join(
        ["import json", *([] if kind != "store" else ["from lossmith.compare.store import Store"]), *kept]
    )
    done = subprocess.run(
        [sys.executable, "-c", program + opening + textwrap.dedent(OPEN)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


SOCKETS = """
import sys
import os
opened = []
sys.addaudithook(lambda event, arguments: opened.append((event, str(arguments)[:200])) if event.startswith("socket.") else None)
import lossmith
from lossmith import drift
import numpy as np
result = lossmith.compare("circles", losses="bce,hinge", model="mlp:hidden=3", seeds=2, epochs=1, learning_rates="configured", store=sys.argv[1])
result.report(sys.argv[1] + ".html")
drift.compare({"x": np.arange(200.0)}, {"x": np.arange(200.0)})
lossmith.load("iris")
held = [link for link in (os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")) if "socket" in link]
print("SOCKETS", held, [one for one in opened if one[0] not in ("socket.__new__", "socket.gethostname") and not (one[0] == "socket.bind" and "'::1'" in one[1])])
"""


@pytest.mark.slow
def test_nothing_phones_home_and_nothing_listens(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SOCKETS, str(tmp_path / "runs.db")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # urllib3, which Keras loads, asks the system when it is imported whether it knows IPv6, and lets go of the socket
    assert done.stdout.splitlines()[-1] == "SOCKETS [] []"


def test_the_guard_sees_a_socket(tmp_path):
    """The same hook in a process that does open one."""
    program = SOCKETS.replace(
        "import lossmith\n",
        "import socket; socket.socket().close(); print('SOCKETS', opened); sys.exit()\nimport lossmith\n",
        1,
    )
    done = subprocess.run([sys.executable, "-c", program, "x"], capture_output=True, text=True, check=False)
    assert "socket.__new__" in done.stdout
