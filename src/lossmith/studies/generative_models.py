"""K-11, K-12, N-22 to N-24, H-G01 to H-G11: autoencoders and adversarial networks, as three sources describe them.

Small experiments run on mixtures whose law is known and on the digits of scikit-learn; what needs MNIST or pictures takes them
from `LOSSMITH_DATA`, and is left out of a quick run.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from lossmith.studies._gan_variants import measured_variants
from lossmith.studies._handbook_digits import digits_of_a_handbook
from lossmith.studies._rows import confirmed, faulty, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

Progress = Callable[[float, int, str, str], None]
MAP = "generative-latent.svg"
STRIP = "generative-interpolation.svg"
SHOWN = 800  # codes of the picture
CLAIMS = {
    "K-11": "variational autoencoder: squared error plus divergence from the prior",
    "K-12": "GAN: JS fits better than KL",
    "N-21": "generative classifiers model p(x, y), discriminative ones p(y | x)",
    "N-22": "GAN on MNIST: generator against discriminator",
    "N-23": "autoencoder: two dimensions of MNIST show clusters with gaps",
    "N-24": "variational autoencoder: the divergence makes the code continuous; interpolation",
    "H-G01": "losses of discriminator and generator",
    "H-G02": "MNIST GAN: generator of 856,193 and discriminator of 533,505 weights",
    "H-G03": "training loop: 10,000 epochs, samples every 200, 10000.png",
    "H-G04": "DCGAN for 64 x 64 pixels",
    "H-G05": "updates: BCE with logits, generated rows detached",
    "H-G06": "Pokemon pictures, 64 x 64, in [-1, 1]",
    "H-G07": "leaky ReLU is max(a x, x)",
    "H-G08": "transposed convolution: n' = k + s(n - 1) - 2p, 16 to 32",
    "H-G09": "variants: conditional, WGAN, progressive, CycleGAN, StarGAN, StyleGAN",
    "H-G10": "mode collapse is a challenge of GANs",
    "H-G11": "uses: augmentation, anomalies, interpolation",
}


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim or those named; the parts on MNIST need the files, and half an hour."""
    parts = [part for part, names in _CLAIMS_OF.items() if claims is None or set(claims) & set(names)]
    rows: list[Row] = []
    figures: dict[str, str] = {}
    for place, part in enumerate(parts):
        if progress is not None:
            progress(place, len(parts), "measuring", part.__name__.strip("_").replace("_", " "))
        found = part(quick)
        if isinstance(found, tuple):
            found, pictures = found
            figures |= pictures
        rows += found
    order = list(CLAIMS)
    return StudyResult("generative_models", tuple(sorted(rows, key=lambda row: order.index(row.id))), figures)


def _objectives(quick: bool) -> list[Row]:  # noqa: ARG001
    """The signs of the losses, by which way they push a generated row that the discriminator sees through."""
    import jax
    import jax.numpy as jnp

    from lossmith.generative import get_objective

    raw = jnp.array([-4.0])
    slopes = {
        name: float(jax.grad(lambda f, name=name: get_objective(name).generator(f, f))(raw)[0])
        for name in ("saturating", "non_saturating")
    }
    printed = float(jax.grad(lambda f: jax.nn.softplus(f).sum())(raw)[0])  # min of -log(1 - D), as the source prints it
    detached = float(
        jax.grad(lambda f: get_objective("non_saturating").discriminator(raw, jax.lax.stop_gradient(f)))(raw)[0]
    )
    return [
        faulty(
            "H-G01", CLAIMS["H-G01"], "the generator minimises -log(1 - D(G(z)))",
            f"slope at a generated row with raw output -4: as printed {printed:+.4f}, saturating {slopes['saturating']:+.4f}, "
            f"non-saturating {slopes['non_saturating']:+.4f}",
            {"printed": printed, **slopes}, wrong=printed > 0 > slopes["saturating"],
            remark="a minimum of the printed term lowers D at generated rows: the sign is wrong, it is a maximum; and the "
            "saturating loss has next to no slope where the discriminator is sure, not where the generator is good",
        ),
        confirmed(
            "H-G05", CLAIMS["H-G05"], "no gradient reaches the generator in the discriminator's update", [detached], [0.0],
            within=0.0, remark="the source leaves both updates out; the loss on raw outputs needs no sigmoid",
        ),
    ]  # fmt: skip


def _sizes(quick: bool) -> list[Row]:  # noqa: ARG001
    from lossmith.generative._generator_networks import opponents

    book = opponents("handbook", (28, 28, 1), 100, 0, True)
    counts = [book.generator.count_params(), book.discriminator.count_params()]
    dcgan = opponents("dcgan", (64, 64, 3), 100, 0, True)
    trained = [sum(math.prod(v.shape) for v in model.trainable_variables) for model in dcgan]
    printed = 4
    for _ in range(5):  # four blocks and the last layer, each of stride 2
        printed = 4 + 2 * (printed - 1) - 2
    x = np.linspace(-2, 2, 41)
    apart = {a: float(np.abs(np.where(x > 0, x, a * x) - np.maximum(a * x, x)).max()) for a in (0.2, 1.0, 1.5)}
    return [
        confirmed(
            "H-G02", CLAIMS["H-G02"], "856,193 and 533,505", counts, [856_193, 533_505], within=0,
            remark="as printed the discriminator takes 784 numbers and the generator makes 28 x 28 x 1: it has to flatten; and "
            "under Keras 3 a discriminator set untrainable after it was compiled no longer learns",
        ),
        faulty(
            "H-G04", CLAIMS["H-G04"], "64 x 64",
            f"as printed {printed} x {printed}; one block less gives {dcgan.generator.output_shape[1]} x {dcgan.generator.output_shape[2]} "
            f"with {trained[0]:,} and {trained[1]:,} weights",
            {"printed": float(printed), "side": float(dcgan.generator.output_shape[1]), "generator": float(trained[0])},
            wrong=printed != 64, remark="four blocks of stride 2 and a last layer of stride 2 double 4 five times",
        ),
        faulty(
            "H-G07", CLAIMS["H-G07"], "for every a",
            ", ".join(f"a = {a:g}: {gap:.3g} apart" for a, gap in apart.items()), {f"a{a:g}": gap for a, gap in apart.items()},
            wrong=apart[1.5] > 0, remark="true for a of at most 1 alone",
        ),
        confirmed(
            "H-G08", CLAIMS["H-G08"], "32, and 4 from 1", [4 + 2 * (16 - 1) - 2, 4 + 1 * (1 - 1)], [32, 4], within=0,
            remark="the layers of DCGAN above have these sizes",
        ),
    ]  # fmt: skip


def _classifiers(quick: bool) -> list[Row]:  # noqa: ARG001
    """Generative classifiers against a discriminative one, on few rows and on many."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    X, y = _digits()
    X = X.reshape(len(X), -1)
    order = np.random.default_rng(0).permutation(len(X))
    test = order[1000:]
    values = {}
    for count in (100, 1000):
        few = np.concatenate([order[:1000][y[order[:1000]] == label][: count // 10] for label in range(10)])
        train = few if count == 100 else order[:1000]
        for name, model in (
            ("naive Bayes", GaussianNB(var_smoothing=1e-2)),
            ("LDA", LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
            ("logistic", LogisticRegression(max_iter=2000)),
        ):
            values[f"{name}, {count} rows"] = float(model.fit(X[train], y[train]).score(X[test], y[test]))
    text = "; ".join(f"{name} {value:.3f}" for name, value in values.items())
    return [
        shown(
            "N-21",
            CLAIMS["N-21"],
            f"digits, accuracy: {text}",
            values,
            remark="the first two can also draw new rows of a class",
        )
    ]


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images[..., None] / 16.0, found.target


def _latent_codes(quick: bool) -> tuple[list[Row], dict[str, str]]:
    """Codes of two dimensions with and without the divergence: how far the law of codes is from the prior."""
    from lossmith.generative import Autoencoder, VariationalAutoencoder
    from lossmith.report.estimator_pictures import drawn
    from lossmith.report.latent_maps import latent_map
    from lossmith.report.sample_grids import grid_figure

    X, y = _mnist_or_digits(quick)
    cut = len(X) * 6 // 7
    X, fresh, y = X[:cut], X[cut:], y[cut:]
    options: dict[str, Any] = {
        "latent": 2,
        "network": "dense:hidden=128" if quick else "dense:hidden=400",
        "random_state": 0,
    }
    epochs = 20 if len(X) < 5000 else 10
    plain = Autoencoder(**options, epochs=epochs, reconstruction="binary_crossentropy").fit(X)
    full = VariationalAutoencoder(**options, epochs=epochs, likelihood="bernoulli").fit(X)
    codes = {"without the divergence": plain.transform(fresh[:SHOWN]), "with it": full.transform(fresh[:SHOWN])}
    picture = drawn(latent_map(codes, y[:SHOWN]).axes[0], "codes of digits, without and with the divergence")
    spreads = {name: float(values.std()) for name, values in codes.items()}
    fixed = VariationalAutoencoder(**options, epochs=epochs).fit(X)
    parts = fixed.evaluate(fresh)
    strips = {
        name: model.interpolate(fresh[0], fresh[1], n=8)
        for name, model in (("without the divergence", plain), ("with it", full))
    }
    strip = strips["with it"]
    between = drawn(
        grid_figure(strips, columns=8).axes[0], "decoded ways between two codes, without and with the divergence"
    )
    jumps = np.linalg.norm(np.diff(strip.reshape(8, -1), axis=0), axis=1)
    return [
        shown(
            "K-11", CLAIMS["K-11"],
            f"{len(fresh):,} held-out digits of {fresh.shape[1]} x {fresh.shape[2]}: -ELBO {parts.negative_elbo:.2f} nats = reconstruction {parts.reconstruction:.2f} + divergence {parts.divergence:.2f}; {int(parts.active.sum())} of 2 units active",
            {"negative_elbo": parts.negative_elbo, "divergence": parts.divergence},
            remark="squared error is a Gaussian likelihood with one deviation for all pixels, which is learned here; summed, not averaged",
        ),
        shown(
            "N-23", CLAIMS["N-23"], f"deviation of the codes {spreads['without the divergence']:.2f} in two dimensions",
            {"spread": spreads["without the divergence"]}, remark="nothing holds the codes together: their law is not known", figure=MAP,
        ),
        shown(
            "N-24", CLAIMS["N-24"],
            f"deviation of the codes {spreads['with it']:.2f} (prior 1); largest of 7 steps of an interpolation {jumps.max() / jumps.sum():.0%} of the way",
            {"spread": spreads["with it"], "largest_step": float(jumps.max() / jumps.sum())},
            remark="with the divergence samples of the prior are decoded where training codes lie", figure=STRIP,
        ),
    ], {MAP: picture, STRIP: between}  # fmt: skip


def _mnist_or_digits(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    if quick or not os.environ.get("LOSSMITH_DATA"):
        return _digits()
    from lossmith.data import load_image_set

    dataset = load_image_set("mnist:n_samples=14000")
    return np.asarray(dataset.features), np.asarray(dataset.target)


def _modes(quick: bool) -> list[Row]:
    """Objectives on the ring of Gaussians, where the law is known."""
    from lossmith.generative import compare_objectives, ring_of_gaussians

    names = ["relativistic", "fgan_js", "fgan_kl", *(() if quick else ("non_saturating",))]
    settings: dict[str, Any] = {"steps": 60, "batch_size": 64} if quick else {"steps": 3000}
    found = compare_objectives(
        ring_of_gaussians(),
        names,
        seeds=2 if quick else 5,
        first_seed=100,
        **settings,
    )
    means = {name: float(values.mean()) for name, values in found.scores["kl_to_uniform"].items()}
    worst = {name: int(values.min()) for name, values in found.scores["modes"].items()}
    sharp = {name: float(values.mean()) for name, values in found.scores["quality"].items()}
    text = "; ".join(
        f"{name}: KL to uniform {means[name]:.3f}, fewest modes {worst[name]}, sharp {sharp[name]:.0%}"
        for name in found.judgement.ranks
    )
    note = "a quick run: it shows that the experiment works and decides nothing" if quick else ""
    gap = means["fgan_kl"] - means["fgan_js"]
    return [
        shown(
            "K-12", CLAIMS["K-12"], f"KL to uniform under JS {means['fgan_js']:.3f}, under KL {means['fgan_kl']:.3f}",
            {"js": means["fgan_js"], "kl": means["fgan_kl"], "gap": gap}, remark=note or f"f-GAN with either divergence, ring of 8 Gaussians, {found.n_seeds} seeds",
        ),
        shown(
            "H-G10", CLAIMS["H-G10"], f"ring of 8 Gaussians, {found.n_seeds} seeds each: {text}",
            {f"kl_{name}": value for name, value in means.items()} | {f"modes_{name}": float(value) for name, value in worst.items()},
            remark=note or "whether modes are dropped depends on the objective and its penalty; samples alone would not say so",
        ),
    ]  # fmt: skip


def _uses(quick: bool) -> list[Row]:
    """Unusual rows by their reconstruction, rows between two rows, and classes on demand."""
    from sklearn.metrics import roc_auc_score

    from lossmith.generative import GenerativeAdversarialNetwork, VariationalAutoencoder

    X, y = _digits()
    known, strange = X[y != 0], X[y == 0]
    model = VariationalAutoencoder(
        latent=8,
        network="dense:hidden=128",
        likelihood="continuous_bernoulli",
        epochs=20 if quick else 100,
        random_state=0,
    ).fit(known[:-200])
    errors = np.concatenate([-model.score_samples(known[-200:]), -model.score_samples(strange)])
    area = float(roc_auc_score(np.repeat([0, 1], [200, len(strange)]), errors))
    rng = np.random.default_rng(0)
    side = rng.integers(2, size=2000)
    rows = rng.normal(size=(2000, 2)) * 0.2 + np.where(side == 0, -1.0, 1.0)[:, None]
    steps = 100 if quick else 500
    conditional = GenerativeAdversarialNetwork(
        network="dense:hidden=32", latent=2, steps=steps, batch_size=64, conditional=True, random_state=0
    ).fit(rows, side)
    made = [float(conditional.sample(500, classes=label, random_state=0).mean()) for label in (0, 1)]
    others, values = measured_variants(X, y, quick=quick)
    return [
        shown(
            "H-G11", CLAIMS["H-G11"], f"digits: zeros, never seen, are told from other digits by likelihood with area {area:.3f}",
            {"area": area}, remark="rows between two rows: N-24; translation and styles: H-G09; super-resolution is not built",
        ),
        shown(
            "H-G09", CLAIMS["H-G09"],
            f"conditional: means of the classes {made[0]:+.2f} and {made[1]:+.2f} (-1 and +1 in the data); {others}",
            {"low": made[0], "high": made[1], **values},
            remark=("a quick run: it shows that the experiment works and decides nothing" if quick else "small networks, 8 x 8 digits")
            + "; WGAN with clipping and with gradient penalty are choices of every adversarial network",
        ),
    ]  # fmt: skip


def _pictures(quick: bool) -> list[Row] | tuple[list[Row], dict[str, str]]:
    if quick or not os.environ.get("LOSSMITH_DATA"):
        why = (
            "a long experiment, left out of quick runs"
            if quick
            else "needs mnist below the folder that LOSSMITH_DATA names"
        )
        return [Row(name, CLAIMS[name], "", "", "not run", why) for name in ("N-22", "H-G03")]
    return digits_of_a_handbook(CLAIMS)


def _folder(quick: bool) -> list[Row]:  # noqa: ARG001
    """A folder of pictures made here, read and scaled: the published address is dead and the pictures are not free."""
    import tempfile
    from pathlib import Path

    from PIL import Image

    from lossmith.data import load_image_folder

    with tempfile.TemporaryDirectory() as folder:
        for label, color in (("fire", (200, 60, 20)), ("water", (20, 60, 200))):
            (Path(folder) / label).mkdir()
            for place in range(6):
                Image.new("RGB", (40 + place, 56), color).save(Path(folder) / label / f"{place}.png")
        dataset = load_image_folder(folder, size=(64, 64))
    return [
        shown(
            "H-G06", CLAIMS["H-G06"], f"a folder of pictures of several sizes becomes {dataset.features.shape}",
            {"side": float(dataset.features.shape[1])},
            remark="Resize(64) keeps the aspect and its batches fail; the address is dead; any folder of pictures will do",
        )
    ]  # fmt: skip


_CLAIMS_OF: dict[Callable[[bool], Any], tuple[str, ...]] = {
    _objectives: ("H-G01", "H-G05"),
    _sizes: ("H-G02", "H-G04", "H-G07", "H-G08"),
    _classifiers: ("N-21",),
    _latent_codes: ("K-11", "N-23", "N-24"),
    _modes: ("K-12", "H-G10"),
    _uses: ("H-G11", "H-G09"),
    _pictures: ("N-22", "H-G03"),
    _folder: ("H-G06",),
}


STUDY = Study(
    name="generative_models",
    source="K, N, H-G",
    title="Autoencoders, variational autoencoders and adversarial networks",
    claims=tuple(CLAIMS),
    run=run,
    by_claim=True,
    reference="a project report on KL divergence, 2024; lecture notes, 2018; a handbook of deep learning, chapter 6",
    aliases=("generative",),
)
