"""How much memory readers take, against the size that a file declares: `python tests/fuzz/memory.py --report docs/fuzzing.md`.

A sound file of each kind and size, and one whose header declares far more than it holds, is read in a process of its own, after
a small one was read there, so that what is loaded late is loaded. What counts is by how much the memory that the process
holds grew at its peak: the file's bytes, what is unpacked, and the result. It is divided by what the file declares to hold,
or by its own size where that is larger; a delimited text declares nothing, there the cells as texts count. The table replaces the section of that name in the page.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from weighed import READERS, SIZES

HERE = Path(__file__).resolve().parent
SMALL = 1 / 32
MOST = 2.0
HEADING = "## Memory"


def held(what: str) -> int:
    """Return the memory that this process holds (VmRSS) or has held at most (VmHWM), in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"the system does not tell {what}")


def weigh(name: str, path: Path, small: Path) -> dict[str, Any]:
    """Read a file in this process, and return by how many bytes it grew at most, and what became of it."""
    import gc

    from lossmith._errors import LossmithError

    reader = READERS[name]
    for _ in range(2):
        reader.read(small)
    gc.collect()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, used + 2**31))
    Path("/proc/self/clear_refs").write_text("5")
    before = held("VmRSS")
    began = time.perf_counter()
    try:
        kept = reader.read(path)
        said = ""
    except LossmithError as error:
        kept, said = None, str(error)
    grown = held("VmHWM") - before
    return {"grown": grown, "said": said, "seconds": time.perf_counter() - began, "kept": kept is not None}


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Return what a reader takes of files of every size, each in a process of its own."""
    reader = READERS[name]
    paths = {}
    for label, size in ((f"{size:g}", size) for size in (SMALL, *SIZES) if size <= reader.most):
        (folder / label).mkdir()
        path = folder / label / f"t{reader.suffix}"
        paths[label] = (path, reader.write(path, int(size * 2**20)))
    if reader.forge:
        (folder / "forged").mkdir()
        reader.forge(folder / "forged" / f"t{reader.suffix}")
        paths["forged"] = (folder / "forged" / f"t{reader.suffix}", 0)
    small, found = paths.pop(f"{SMALL:g}")[0], {}
    environment = {
        "KERAS_BACKEND": "jax",
        "POLARS_MAX_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **os.environ,
    }
    for label, (path, declared) in paths.items():
        command = [sys.executable, str(HERE / "memory.py"), "--worker", name, str(path), str(small)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise RuntimeError(f"{name} {label}: {done.stderr[-2000:]}")
        one = json.loads(done.stdout.splitlines()[-1])
        if label != "forged" and one["said"]:
            raise RuntimeError(f"{name} {label}: a sound file is refused: {one['said']}")
        if label == "forged" and not one["said"] and name not in ("csv", "short.csv"):
            raise RuntimeError(f"{name}: a forged file is accepted")
        files = path.iterdir() if path.is_dir() else [path]
        size = max(declared, sum(file.stat().st_size for file in files))
        found[label] = {**one, "size": size, "ratio": one["grown"] / size}
    return found


def section(found: dict[str, Any], *, day: str) -> str:
    """Return the table as Markdown."""
    rows, above = [], []
    for name, reader in READERS.items():
        if name not in found:
            continue
        one = found[name]
        cells = [f"{one[str(size)]['ratio']:.1f}" if str(size) in one else "" for size in SIZES]
        forged = f"{one['forged']['grown'] / 2**20:.0f} MiB" if "forged" in one else ""
        rows.append(f"| {reader.what} | {' | '.join(cells)} | {forged} |")
        if max(each["ratio"] for label, each in one.items() if label not in ("1", "forged")) > MOST + 0.01:
            above.append(f"- {reader.what}: {reader.why or 'not explained'}")
    return "\n".join([
        HEADING, "",
        "By how much the memory of a process grows at its peak while a file is read, its bytes, what is unpacked and the result together, in multiples of the size that the file",
        "declares (of its own, where that is larger). A file of delimited text declares nothing: what its cells take as texts stands for it, 16 bytes for each and the characters of",
        "those with more than 12. Pictures are weighed as the smallest folder that can hold classes, two of them. What a reader needs whatever the size, one to two MiB, counts with the",
        "small ones. Forged: what a file takes that declares gigabytes or terabytes and holds kilobytes; of CSV two megabytes below a quote that never closes, of gzip a megabyte that",
        f"unpacks to a thousand, which is followed as far as the limits of the reader go ([safety](safety.md)). Measured on {day} with Python {platform.python_version()} by",
        "`python tests/fuzz/memory.py --report docs/fuzzing.md`.", "",
        f"| reader | {' | '.join(f'{size} MiB' for size in SIZES)} | forged |", f"| --- |{' ---: |' * (len(SIZES) + 1)}", *rows, "",
        *(["More than twice, from 8 MiB on:", "", *above, ""] if above else []),
    ])  # fmt: skip


def kept(page: str) -> str:
    """Return the section about memory of a page; empty where it has none."""
    found = re.search(rf"^{HEADING}$.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found[0].rstrip("\n") + "\n" if found else ""


def placed(page: str, text: str) -> str:
    """Return a page with its section about memory replaced, or put before the list of what was found."""
    pattern = re.compile(rf"^{HEADING}$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: text + "\n", page, count=1)
    place = page.find("\n## ") + 1 or len(page)
    return page[:place] + text + "\n" + page[place:]


def main() -> int:
    sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "faults")]
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(weigh(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names of readers, separated by commas")
    parser.add_argument("--report", type=Path, default=None, help="put the table into this page")
    asked = parser.parse_args()
    found = {}
    for name in [name for name in asked.only.split(",") if name] or list(READERS):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = measured(name, Path(folder))
        words = (
            f"{label}: {one['ratio']:.2f}" if label != "forged" else f"forged: {one['grown'] / 2**20:.0f} MiB"
            for label, one in found[name].items()
        )
        print(f"{name:14}", ", ".join(words), flush=True)
    if asked.report:
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        asked.report.write_text(
            placed(asked.report.read_text(encoding="utf-8"), section(found, day=day)), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
