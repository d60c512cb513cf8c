"""Bad files through the command line: one clear line on standard error, exit code 2, nothing on standard output."""

from __future__ import annotations

import pytest

from lossmith.cli import main

GOOD = "".join(f"{index},{index % 5},{'yes' if index % 3 else 'no'}\n" for index in range(60))


def rows(text: str, *, header: str = "x,z,y") -> bytes:
    return f"{header}\n{text}".encode()


CASES = {
    "missing file": (None, ["--target", "y"], "no file 'people.csv'"),
    "empty file": (b"", ["--target", "y"], "empty"),
    "header alone": (rows(""), ["--target", "y"], "people.csv"),
    "no target named": (rows(GOOD), [], "target"),
    "unknown column": (rows(GOOD), ["--target", "yy"], "did you mean 'y'?"),
    "loss for another task": (rows(GOOD), ["--target", "y", "--losses", "huber"], "'huber' is for regression and the task is binary"),
    "unknown loss": (rows(GOOD), ["--target", "y", "--losses", "crossentropy"], "unknown loss"),
    "metric for another task": (rows(GOOD), ["--target", "y", "--metric", "rmse"], "for a binary task"),
    "one class only": (rows(GOOD.replace("no", "yes")), ["--target", "y"], "yes"),
    "all missing target": (rows("1,2,\n" * 40), ["--target", "y"], "'y'"),
    "NaN in the target": (rows("".join(f"{i},1,{i}.5\n" for i in range(40)) + "1,1,NaN\n"), ["--target", "y"], "'y'"),
    "text in a number column": (rows("".join(f"{i}.5,1,{i % 2}\n" for i in range(400)) + "many,1,1\n"), ["--target", "y"], "many"),
    "two rows": (rows("1,2,yes\n2,3,no\n"), ["--target", "y"], "2 rows"),
    "no features": (rows("yes\nno\n" * 20, header="y"), ["--target", "y"], "one column only"),
    "broken rows": (rows(GOOD + "1,2,3,4,5\n"), ["--target", "y"], "people.csv"),
    "unknown group": (rows(GOOD), ["--target", "y", "--group", "who"], "'who'"),
    "unknown dropped column": (rows(GOOD), ["--target", "y", "--drop", "who"], "'who'"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ["--target", "y"], "people.csv"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_and_exit_code_two(case, capsys, tmp_path, monkeypatch):
    content, options, message = CASES[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    if content is not None:
        (tmp_path / "people.csv").write_bytes(content)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SystemExit) as end:
        main(["compare", "people.csv", *options])
    out, err = capsys.readouterr()
    assert end.value.code == 2 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1, err
    assert message in err
    assert sorted(tmp_path.iterdir()) == before, "a mistake leaves nothing behind"
