"""The main job end to end, on small settings: plans, fairness, failures, looks, published protocol."""

import numpy as np
import polars as pl
import pytest

import lossmith
from lossmith import data as datasets
from lossmith._errors import DomainError, InvalidInputError, UnknownNameError
from lossmith.compare.plan import make_plan, select_losses
from lossmith.compare.run import Execution, Memory, execute, plan_for
from lossmith.compare.trials import choose_rates, head_programs, is_collapsed
from lossmith.losses import Interval, Loss, Parameter, get

SMALL = {"epochs": 3, "seeds": 2, "learning_rates": "configured"}


def test_rates_are_chosen_on_validation_rows_alone():
    plan = plan_for("circles", losses="hinge,brier", seeds=2, epochs=1)
    (program,) = head_programs(plan, cores=2)
    validation = np.zeros((2, 2, 5))
    validation[0, 0] = [0.5, 0.6, 0.7, 0.9, 0.8]  # best at place 3
    validation[0, 1] = [0.8, 0.8, 0.7, 0.8, 0.8]  # a tie: places 1 and 3 are nearest to the configured rate
    validation[1, 0] = [np.nan, np.nan, 0.1, np.nan, np.nan]  # what diverged cannot win
    validation[1, 1] = [0.9, 0.2, 0.3, 0.4, 0.5]
    chosen = choose_rates(plan, program, validation)
    assert chosen[0, 0] == 3
    assert chosen[0, 1] in (1, 3)
    assert chosen[1].tolist() == [2, 0]


def test_rates_of_errors_are_chosen_by_the_smallest():
    plan = plan_for("diabetes", losses="mse", seeds=1, epochs=1)
    (program,) = head_programs(plan, cores=1)
    assert choose_rates(plan, program, np.array([[[3.0, 2.0, 1.0, 0.5, 4.0]]])).item() == 3


def test_test_rows_never_reach_training_or_choice():
    """Other targets and inputs on the test rows change the test metrics and nothing else."""
    plan = plan_for("diabetes", losses="mse,huber", seeds=1, epochs=4)
    rows = datasets.split(plan.dataset, seed=plan_seed(plan)).test
    target, features = plan.dataset.target.copy(), np.array(plan.dataset.features, dtype=float)
    target[rows] += 100.0
    features[rows] *= 3.0
    changed = plan_for(replaced(plan.dataset, target=target, features=features), losses="mse,huber", seeds=1, epochs=4)
    first, second = (only_group(each) for each in (plan, changed))
    for name in first:
        if name in ("test", "raw_test") or name.startswith("curve/test"):
            assert not np.array_equal(first[name], second[name])
        else:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def plan_seed(plan):
    from lossmith.compare.trials import engine_seed

    return engine_seed(plan, 0)


def replaced(dataset, **changes):
    from dataclasses import replace

    return replace(dataset, **changes)


def only_group(plan):
    execution = Execution(plan, Memory())
    execution.train(plan.settings.seeds)
    (group,) = [arrays for key, arrays in execution.groups.items() if key.startswith("units")]
    return group


def test_all_losses_start_from_the_same_weights_and_see_the_same_batches():
    """Two losses with one gradient (cross-entropy and KL on hard labels) end with the same weights."""
    plan = plan_for("iris", losses="categorical_crossentropy,kl_divergence", seeds=1, epochs=5)
    assert plan.shared == {"kl_divergence": "categorical_crossentropy"}
    both = replaced(plan, losses=tuple(lossmith.losses.get(name) for name in plan.settings.losses), shared={})
    group = only_group(both)
    for name in (name for name in group if name.startswith("weight/")):
        np.testing.assert_allclose(group[name][:, 0], group[name][:, 1], rtol=1e-4, atol=1e-5)


def test_shared_gradient_is_a_line_of_the_leaderboard():
    result = lossmith.compare("iris", losses="categorical_crossentropy,kl_divergence,reverse_kl_divergence", **SMALL)
    lines = {one.loss: one for one in result.standings}
    assert lines["kl_divergence"].same_as == "categorical_crossentropy"
    assert lines["kl_divergence"].metric == lines["categorical_crossentropy"].metric
    assert [one.loss for one in result.not_applicable] == ["reverse_kl_divergence"]
    assert result.not_applicable[0].outside == 1.0


def test_targets_outside_the_domain_are_not_applicable_with_their_share():
    features = np.random.default_rng(0).normal(size=(60, 2))
    target = np.arange(60.0) - 15  # 15 of 60 are negative
    result = lossmith.compare((features, target), losses="mse,poisson", task="regression", **SMALL)
    (refused,) = result.not_applicable
    assert refused.loss == "poisson"
    assert refused.outside == pytest.approx(0.25)
    assert any(finding.code == "LS101" and finding.subject == "poisson" for finding in result.findings)


def test_a_diverged_run_counts_and_leaves_the_others_alone():
    both = lossmith.compare("diabetes", losses="mse", seeds=2, epochs=3, learning_rates="0.01,1e30")
    alone = lossmith.compare("diabetes", losses="mse", seeds=2, epochs=3, learning_rates="0.01,0.02")
    wild = both.trials.filter(pl.col("learning_rate") > 1)
    assert wild["status"].to_list() == ["diverged", "diverged"]
    assert wild["root_mean_squared_error"].is_nan().all()
    calm, other = (each.trials.filter(pl.col("learning_rate") == 0.01) for each in (both, alone))
    assert calm["root_mean_squared_error"].to_list() == other["root_mean_squared_error"].to_list()
    assert both.standings[0].n_failed == 0


def test_a_loss_that_always_diverges_is_shown_with_the_score_of_the_constant():
    result = lossmith.compare("diabetes", losses="mse", seeds=2, epochs=2, learning_rates="1e30")
    (line,) = result.standings
    assert line.n_failed == 2
    mean = next(one for one in result.baselines if one.name == "mean")
    assert line.metric.mean == pytest.approx(mean.metrics["root_mean_squared_error"].mean)
    assert any(finding.code == "LS103" for finding in result.findings)


def test_collapse_means_a_constant_prediction():
    plan = plan_for("circles", losses="brier", seeds=1, epochs=1)
    rng = np.random.default_rng(1)
    varied = rng.normal(size=50)
    raw = np.stack([varied, np.full(50, 0.3), np.abs(varied) + 1, 1e-12 * varied])[..., None]
    # a constant; one class for all rows of a balanced task; rounding around a constant
    (brier,) = plan.losses
    uncalibrated = np.full((4, 2), np.nan)
    assert is_collapsed(raw, plan, brier, uncalibrated).tolist() == [False, True, True, True]
    # where only the order counts, the calibrated probability decides: the third has both classes around 2
    calibrated = np.tile([1.0, -1.5], (4, 1))
    assert is_collapsed(raw, plan, get("auc_logistic"), calibrated).tolist() == [False, True, False, True]


def test_one_class_is_no_collapse_where_the_classes_are_unbalanced():
    rng = np.random.default_rng(2)
    features, target = rng.normal(size=(200, 2)), (np.arange(200) % 10 == 0).astype(int)
    plan = plan_for((features, target), losses="brier", seeds=1, epochs=1)
    assert plan.metric.name == "roc_auc"
    raw = (np.abs(rng.normal(size=50)) + 1)[None, :, None]
    assert is_collapsed(raw, plan, plan.losses[0], np.full((1, 2), np.nan)).tolist() == [False]


def test_same_settings_same_numbers_other_seed_other_numbers():
    first, again, other = (
        lossmith.compare("iris", losses="categorical_hinge", seed=seed, **SMALL).trials["accuracy"].to_list()
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


@pytest.mark.slow
def test_label_noise_reaches_training_and_not_the_test_targets():
    options = {"losses": "categorical_crossentropy", "epochs": 8, "seeds": 2, "learning_rates": "configured"}
    clean, noisy = (lossmith.compare("digits", noise=noise, **options) for noise in (0.0, 0.6))
    assert noisy.standings[0].metric.mean < clean.standings[0].metric.mean
    # test labels are clean: the network still beats what noisy labels would allow (at most 0.4 + chance)
    assert noisy.standings[0].metric.mean > 0.5


def test_auto_stops_at_the_first_look_that_decides():
    result = lossmith.compare(
        "iris",
        losses="categorical_crossentropy,categorical_brier",
        seeds="auto",
        epochs=2,
        learning_rates="configured",
        margin=0.9,
    )
    assert result.settings.auto
    assert result.settings.seeds == 10
    assert result.standings[1].difference.verdict == "equivalent"


def test_time_limit_ends_with_the_seeds_that_are_there():
    ticks = iter(range(10_000))
    plan = plan_for("circles", losses="brier", seeds=40, epochs=1)
    result = execute(plan, time_limit=1.0, clock=lambda: float(next(ticks))).comparison
    assert 1 <= result.settings.seeds < 40
    assert result.standings[0].n_seeds == result.settings.seeds


def test_published_protocol_repeats_the_sources():
    result = lossmith.compare("circles", protocol="published", seeds=2, epochs=2)
    assert [one.loss for one in result.standings if not one.loss.startswith("keras_")] == []
    assert (result.data.n_train, result.data.n_validation, result.data.n_test) == (500, 500, 500)
    assert result.settings.learning_rates == (0.01,)
    assert set(result.trials["best_epoch"]) == {2}, "the last epoch, not the best"
    assert {curve.quantity for curve in result.curves} == {"train_loss", "test_loss", "train_accuracy", "test_accuracy"}
    with pytest.raises(InvalidInputError, match="published split"):
        lossmith.compare("iris", protocol="published", seeds=1, epochs=1)


def test_every_metric_is_shown_and_margin_losses_are_calibrated():
    result = lossmith.compare("breast_cancer", losses="hinge,binary_crossentropy", **SMALL)
    lines = {one.loss: one for one in result.standings}
    assert lines["hinge"].calibrated
    assert not lines["binary_crossentropy"].calibrated
    for line in lines.values():
        assert set(line.metrics) >= {"accuracy", "balanced_accuracy", "roc_auc", "log_loss", "brier_score"}
        assert 0 < line.metrics["log_loss"].mean < 1


def test_targets_outside_the_domain_of_the_metric_are_refused_before_training():
    with pytest.raises(DomainError, match="targets from -"):
        plan_for("regression", metric="mean_poisson_deviance")
    assert plan_for("diabetes", metric="mean_poisson_deviance").metric.name == "mean_poisson_deviance"


def test_a_users_own_body_is_compared():
    from lossmith.training import load_keras

    keras = load_keras()

    def body(input_shape):
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(8, "tanh")])

    result = lossmith.compare("iris", model=body, losses="categorical_crossentropy", **SMALL)
    assert result.settings.model == "body"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"losses": "huber"}, "huber"),
        ({"losses": "hingee"}, "hinge"),
        ({"losses": "hinge,hinge"}, "twice"),
        ({"losses": ""}, "no loss"),
        ({"seeds": 0}, "at least 1"),
        ({"seeds": "many"}, "whole number"),
        ({"epochs": 0}, "at least 1"),
        ({"batch_size": -1}, "at least 1"),
        ({"metric": "rmse"}, "binary"),
        ({"metric": "acuracy"}, "accuracy"),
        ({"noise": 1.5}, r"\[0, 1\)"),
        ({"learning_rates": "0.1,0.1"}, "different"),
        ({"learning_rates": "fast"}, "tuned"),
        ({"learning_rates": [-1.0]}, "positive"),
        ({"protocol": "unfair"}, "fair or published"),
        ({"model": "mlpp"}, "mlp"),
        ({"model": "mlp:hiden=3"}, "hidden"),
        ({"optimizer": "sdg"}, "sgd"),
        ({"optimizer": "sgd:momentun=1"}, "momentun"),
        ({"seed": -1}, "at least 0"),
    ],
)
def test_bad_settings_are_one_clear_line(options, words):
    with pytest.raises(InvalidInputError, match=words) as caught:
        lossmith.compare("circles", **{"epochs": 1, "seeds": 1, **options})
    assert "\n" not in str(caught.value)


def test_select_losses_knows_aliases_parameters_and_tasks():
    chosen = select_losses("mse, huber:delta=2", "regression")
    assert [str(loss) for loss in chosen] == ["mean_squared_error", "huber:delta=2"]
    everything = select_losses("all", "binary")
    assert {loss.task for loss in everything} == {"binary"}
    with pytest.raises(UnknownNameError, match="huber"):
        select_losses("hubber", "regression")


def test_plan_counts_its_runs():
    dataset = datasets.load("circles")
    plan = make_plan(dataset, losses="hinge,brier", seeds=7, n_train=600)
    assert plan.n_runs == 2 * 5 * 7
    assert plan.settings.learning_rates[2] == 0.01
    np.testing.assert_allclose(np.diff(np.log(plan.settings.learning_rates)), np.log(3), rtol=1e-3)


def test_a_loss_in_no_catalogue_is_compared_to_the_end() -> None:
    def fourth(xp, raw, target, *, scale):
        return ((raw - target) / scale) ** 4

    own = Loss(
        name="my_fourth", task="regression", function=fourth, head=get("mse").head, encoding="standardized",
        interval=Interval(), elicits="numeric", convex=True, smooth=True, formula="z^4", gradient="4 z^3",
        parameters=(Parameter("scale", 1.0, Interval(0, closed_low=False), "size of ordinary errors"),),
        when="Here.", when_not="Elsewhere.", reference="None",
    )  # fmt: skip
    result = lossmith.compare("regression", losses=[own, own.configured(scale=2.0), "mse"], seeds=2, epochs=2)
    assert {one.loss for one in result.standings} == {"my_fourth", "my_fourth:scale=2", "mean_squared_error"}
