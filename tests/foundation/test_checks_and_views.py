"""Coded checks, the late binding of views, packages that can be called."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lossmith import _views
from lossmith._checks import Check, Finding
from lossmith._errors import InvalidInputError

CHECK = Check(
    "LS104", "collapsed-seed", "warning", "a seed that never learned", "its metric says nothing", "use he_normal"
)


def test_a_check_becomes_a_finding_with_its_own_code_and_advice():
    found = CHECK.found("hinge", "1 of 30 seeds never left 0.50")
    assert found == Finding("LS104", "warning", "hinge", "1 of 30 seeds never left 0.50", "use he_normal", "")
    assert CHECK.found("", "x", advice="other", command="lossmith data list").advice == "other"
    assert CHECK.found("", "x", command="lossmith data list").command == "lossmith data list"


def test_the_line_leaves_out_an_empty_subject():
    assert CHECK.found("hinge", "stuck").line() == "LS104 warning   hinge: stuck"
    assert CHECK.found("", "stuck").line() == "LS104 warning   stuck"


class Result:
    pass


class Special(Result):
    pass


def test_a_view_is_found_by_exact_class_and_gets_its_options():
    _views.register(Result, "text", lambda result, *, width=80: (type(result).__name__, width))
    try:
        assert _views.view(Result(), "text", width=40) == ("Result", 40)
        with pytest.raises(InvalidInputError, match=r"view 'html' of a Result.*use \.table\(\) instead"):
            _views.view(Result(), "html")
        with pytest.raises(InvalidInputError, match="of a Special"):
            _views.view(Special(), "text")
    finally:
        del _views._VIEWS[Result, "text"]


def test_the_views_of_results_are_loaded_when_first_asked_for():
    code = (
        "import sys\n"
        "from lossmith import _views\n"
        "from lossmith._errors import LossmithError\n"
        "assert 'lossmith.report' not in sys.modules\n"
        "try:\n    _views.view(object(), 'text')\n"
        "except LossmithError:\n    pass\n"
        "print('lossmith.report' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_a_callable_package_keeps_its_names(tmp_path, monkeypatch):
    package = tmp_path / "greeting_package"
    package.mkdir()
    (package / "__init__.py").write_text(
        '"""Greets."""\n'
        "from lossmith._callable import make_callable\n"
        "def greet(name, *, mark='!'):\n    return f'hello {name}{mark}'\n"
        "make_callable(__name__, greet)\n"
    )
    (package / "part.py").write_text("VALUE = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    import greeting_package
    import greeting_package.part

    assert greeting_package("Ada", mark="?") == "hello Ada?"
    assert greeting_package.greet("Ada") == "hello Ada!"
    assert greeting_package.part.VALUE == 3
    assert greeting_package.__doc__ == "Greets."
