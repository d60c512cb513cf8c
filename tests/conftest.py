"""What every test shares: the backend, the compile cache, Hypothesis's profile, the folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "agg")
# what a test changes about drawing is to be seen in what it draws
os.environ.setdefault("LOSSMITH_KEEP_FIGURES", "0")
# the workers take all cores: threads of OpenMP within each would only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
# most of a first run is compiling, and programs this small run no slower for it; an empty XLA_FLAGS gives what users get
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# a second run of the suite compiles nothing
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

settings.register_profile("lossmith", derandomize=True, deadline=None, database=None)
settings.load_profile("lossmith")

# examples that train networks, and tests whose programs take longest to compile: the default run has shorter ones of each
LONG = (
    "_diagnosis.py::lossmith.generative._diagnosis.diagnose",
    "_autoencoders.py::lossmith.generative._autoencoders.Autoencoder",
    "_autoencoders.py::lossmith.generative._autoencoders.VariationalAutoencoder",
    "_feature_network.py::lossmith.generative._feature_network.train_feature_network",
    "_objective_comparison.py::lossmith.generative._objective_comparison.compare_objectives",
    "_model.py::lossmith.text._model.LanguageModel",
    "test_images.py::test_a_killed_comparison_goes_on_within_its_run",
    "test_resume.py::test_kill_from_outside_at_any_time",
    "test_recurrent_families.py::test_stacked_runs_are_those_alone[gru]",
    "test_equals_fit.py::test_a_head_of_two_units_equals_fit",
    "test_equals_fit.py::test_a_stacked_run_equals_the_same_run_alone[batch-norm]",
    "test_adversarial.py::test_penalties_of_a_linear_discriminator[r1]",
    "test_tracking.py::test_seeds_are_runs_where_asked",
    "test_approximate.py::test_reverse_direction",
    "_progressive_gan.py::lossmith.generative._progressive_gan.ProgressiveGAN",
    "_cycle_gan.py::lossmith.generative._cycle_gan.CycleGAN",
    "_star_gan.py::lossmith.generative._star_gan.StarGAN",
    "generative/_files.py::lossmith.generative._files.load",
    "test_growing.py::test_a_stage_starts_as_the_one_before",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[48-16-mlp:hidden=8-shared]",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[48-16-mlp:hidden=8-own rows]",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[5-64-mlp:hidden=8-shared]",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[5-64-mlp:hidden=8-own rows]",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[1-1-mlp:hidden=8-own rows]",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[50-16-mlp:hidden=8,dropout=0.3-shared]",
    "test_streamed.py::test_blocks_of_any_size_give_the_same[all in one]",
    "test_stopping.py::test_early_stopping_equals_the_callback_of_keras[stacked]",
    "test_kept_figures.py::test_matplotlib_is_loaded_only_to_draw",
    "test_discrete.py::test_large_tables_equal_small_ones",
    "test_resume.py::test_a_run_goes_on_in_the_groups_it_was_begun_with_whatever_the_cores_here",
    "test_interim.py::test_the_note_is_the_best_loss_so_far",
    "test_workers.py::test_workers_elsewhere_give_the_table_of_one_machine_with_as_many_cores",
    "test_model_file.py::test_everything_comes_back[multiclass-categorical_crossentropy]",
    "test_model_file.py::test_a_forged_configuration_is_a_model_or_one_error",
    "test_equals_fit.py::test_stacked_runs_equal_fit[dropout]",
    "test_equals_fit.py::test_a_head_of_many_units_equals_fit[5]",
    "test_html.py::test_the_same_comparison_and_date_give_the_same_bytes",
    "test_image_report.py::test_the_page_carries_its_pictures",
    "test_adversarial.py::test_an_adaptive_run_ends_with_the_blur_it_reached",
    "test_adversarial.py::test_penalties_of_a_linear_discriminator[r1r2]",
    "test_deferred.py::test_keras_loads_without_what_is_not_used_and_has_it_when_it_is",
    "test_approximate.py::test_held_out_divergence_is_honest",
    "test_fitting.py::test_real_stacks_agree_within_rounding_however_they_are_cut",
    "test_optimizer_catalogue.py::test_averaged_weights_are_the_mean_of_the_last_epochs",
    "test_isolation.py::test_losses_in_any_order_of_configurations_equal_the_losses_alone[order1-1]",
    "test_language_models.py::test_the_network_is_the_one_of_keras",
    "test_mlp.py::test_it_learns_eight_points_by_heart",
    "test_monitor.py::test_no_change_no_alarm_even_with_a_small_reference",
    "test_once.py::test_an_interrupted_one_goes_on",
    "test_comparison.py::test_repeating_gives_the_same_numbers_as_a_new_run",
    "test_trained_model.py::test_a_loaded_model_gives_the_raw_outputs_of_its_training[multiclass-categorical_crossentropy]",
    "test_equals_fit.py::test_stacked_runs_equal_fit[batch-norm]",
    "test_sequential.py::test_both_executions_give_the_same_numbers[adam:use_ema=true,ema_momentum=0.9]",
    "stored.py::lossmith.compare.stored.repeat",
    "_gan.py::lossmith.generative._gan.GenerativeAdversarialNetwork",
    "test_star_gan.py::test_an_estimator_and_its_file",
    "test_run.py::test_same_settings_same_numbers_other_seed_other_numbers",
    "test_growing.py::test_the_share_of_new_images_rises",
    "test_resume.py::test_a_killed_comparison_resumes_to_the_same_table",
    "test_sequential.py::test_a_convolutional_body_equals_fit",
    "test_docs.py::test_generated_pages_are_up_to_date",
    "test_trained_model.py::test_a_loaded_model_gives_the_raw_outputs_of_its_training[multiclass-categorical_hinge]",
    "test_streamed.py::test_less_memory_than_the_rows_take_is_enough",
    "test_streamed.py::test_streamed_runs_are_the_stacked_ones[50-16-mlp:hidden=8,dropout=0.3-own rows]",
    "test_sequential.py::test_both_executions_give_the_same_numbers[sgd:momentum=0.9,clipnorm=0.1]",
    "test_equals_fit.py::test_stacked_runs_equal_fit[adam]",
)


def pytest_configure(config: pytest.Config) -> None:
    """Test on the CPU, whose numbers the tests state; tests of accelerators are asked for by `-m gpu`."""
    if config.option.markexpr != "gpu":
        os.environ.setdefault("JAX_PLATFORMS", "cpu")


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.endswith(LONG):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _no_folder_of_data(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests that do not ask for real data run as where there is none: who names a folder changes none of them."""
    if request.node.get_closest_marker("realdata") is None:
        monkeypatch.delenv("LOSSMITH_DATA", raising=False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets; asking for it without naming one is an error, never a silent skip."""
    folder = os.environ.get("LOSSMITH_DATA")
    if not folder:
        pytest.fail("tests marked realdata need LOSSMITH_DATA=<folder of data sets>")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"LOSSMITH_DATA={folder} is not a folder")
    return path
