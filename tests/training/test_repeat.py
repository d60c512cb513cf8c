"""Same shape, same bits: whatever the chunks, the threads or the call; nothing compiled twice, nothing global touched."""

from __future__ import annotations

import itertools
import logging
import random

import numpy as np
import pytest
from fit_reference import Work, circles, keras, mlp, part

from lossmith import losses, models
from lossmith.training import (
    GradientProcedure,
    GroupData,
    Schedule,
    Trainer,
    compilation_cache,
    to_keras,
    train_groups,
)
from lossmith.training.optimizers import make_optimizer

WORK = Work(mlp(), "sgd:momentum=0.9", "binary_crossentropy", lambda: None)
TRAIN, TEST = part(*circles(100, 1)), part(*circles(40, 2))


def trainer(*, epochs=12, **options):
    procedure = GradientProcedure(mlp()(), make_optimizer("sgd:momentum=0.9"), [losses.get("bce")], [0])
    return Trainer(procedure, [0, 0], [0.05, 0.01], Schedule(epochs, 32), **options)


def group(*seeds):
    return GroupData(seeds, TRAIN, {"test": TEST})


def assert_same_bits(one, other):
    for name, curve in one.curves.items():
        np.testing.assert_array_equal(curve, other.curves[name])
    for value, twin in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(value, twin)
    np.testing.assert_array_equal(one.raw["test"], other.raw["test"])


def test_bits_do_not_depend_on_the_chunks():
    results, chunks = [], []
    for seconds in (10.0, 0.1, 0.0):
        seen: list[int] = []
        ticks = itertools.count(0, seconds) if seconds else itertools.repeat(0.0)
        one = trainer(clock=lambda ticks=ticks: next(ticks))
        results.append(one.train(group(3, 8), progress=lambda done, every, seen=seen: seen.append(done)))
        chunks.append(seen)
    assert chunks[0] == list(range(1, 13))
    assert chunks[1] == [1, 6, 12]  # 5 epochs of 0.1 s fill half a second; then, at 0.02 s an epoch, all that are left
    assert chunks[2] == [1, 12]
    assert_same_bits(results[0], results[1])
    assert_same_bits(results[0], results[2])


def test_bits_do_not_depend_on_threads_and_order():
    found = {}
    for workers, order in ((1, (0, 1, 2, 3)), (3, (3, 1, 0, 2))):
        one = trainer()
        groups = [(str(k), lambda k=k: group(2 * k, 2 * k + 1)) for k in order]
        train_groups(one, groups, lambda key, result, w=workers: found.setdefault((w, key), result), workers=workers)
    assert len(found) == 8
    for k in range(4):
        assert_same_bits(found[1, str(k)], found[3, str(k)])


def compilations(caplog, call):
    import jax

    caplog.clear()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        result = call()
    return result, [record.getMessage() for record in caplog.records if "ompil" in record.getMessage()]


def test_a_second_call_compiles_nothing(caplog):
    one = trainer()
    first, seen = compilations(caplog, lambda: one.train(group(3, 8)))
    assert any("chunk" in message for message in seen)  # the counter counts
    assert one.compilations == 2
    for seeds in ((3, 8), (11, 12)):
        result, seen = compilations(caplog, lambda seeds=seeds: one.train(group(*seeds)))
        assert seen == []
        assert one.compilations == 2
        if seeds == (3, 8):
            assert_same_bits(first, result)


def test_another_shape_is_refused():
    one = trainer()
    one.compile(group(3, 8))
    with pytest.raises(ValueError, match="make another Trainer"):
        one.train(group(3, 8, 9))


def test_no_global_state_is_touched():
    import jax
    from keras.src.random.seed_generator import global_seed_generator

    def state():
        return (
            random.getstate(),
            repr(np.random.get_state()),  # noqa: NPY002
            np.asarray(global_seed_generator().state).tolist(),
            {name: repr(value) for name, value in jax.config.values.items()},
            keras.config.floatx(),
        )

    state()  # Keras makes its generator when first asked for it
    before = state()
    network = models.get("mlp:hidden=4,dropout=0.2").network((2,), 1)
    procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("bce")], [0])
    result = Trainer(procedure, [0], [0.01], Schedule(2, 32)).train(group(1))
    to_keras(network, [value[0, 0] for value in result.weights])
    assert state() == before


def test_the_compilation_cache_is_set_only_for_a_while(tmp_path, monkeypatch):
    import jax

    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = [getattr(jax.config, name) for name in names]
    with compilation_cache():
        assert [getattr(jax.config, name) for name in names[1:]] == [0.0, 0]
        if before[0] is not None:  # the user's own folder stays
            assert jax.config.jax_compilation_cache_dir == before[0]
    assert [getattr(jax.config, name) for name in names] == before
    monkeypatch.setenv("LOSSMITH_CACHE", str(tmp_path / "cache"))
    jax.config.update(names[0], None)
    try:
        with compilation_cache():
            assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache" / "jax")
            jax.jit(lambda x: x * 1.2345 + 6.789)(np.ones(3, np.float32))
        assert jax.config.jax_compilation_cache_dir is None
        assert list((tmp_path / "cache" / "jax").iterdir())
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("LOSSMITH_CACHE", str(tmp_path / "file"))
        with compilation_cache():  # a folder that cannot be made costs time, not results
            assert jax.config.jax_compilation_cache_dir is None
    finally:
        for name, value in zip(names, before, strict=True):
            jax.config.update(name, value)
