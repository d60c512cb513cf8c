"""Parts of Keras that load when they are used: fresh processes, since this one has loaded everything."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def in_a_new_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_keras_loads_without_what_is_not_used_and_has_it_when_it_is() -> None:
    found = in_a_new_process("""
        import sys
        from lossmith.training import load_keras
        keras = load_keras()
        assert not [one for one in sys.meta_path if type(one).__module__.startswith("lossmith")]
        print(*[name for name in ("pandas", "sklearn", "matplotlib.pyplot", "scipy.stats") if name in sys.modules])
        import numpy as np, pandas
        model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        model.compile("sgd", "mse")
        model.fit(pandas.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}), np.ones((2, 1)), verbose=0)
        assert keras.wrappers.SKLearnClassifier.__module__ == "keras.src.wrappers.sklearn_wrapper"
        assert callable(keras.visualization.plot_image_gallery)
        import keras.src.wrappers.sklearn_wrapper as wrapper
        from sklearn.base import BaseEstimator
        assert issubclass(keras.wrappers.SKLearnRegressor, BaseEstimator)
        print(float(model.weights[1][0]) > 0)
    """)
    assert found == "True", found  # nothing of the first line is loaded


def test_an_import_that_fails_leaves_no_finder_behind() -> None:
    assert (
        in_a_new_process("""
        import sys
        from lossmith.training._deferred import deferred
        before = list(sys.meta_path)
        try:
            with deferred(["no_such_module"]):
                import no_such_module
        except ModuleNotFoundError:
            print(sys.meta_path == before)
    """)
        == "True"
    )
