"""Autoencoders, plain and variational, as scikit-learn transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.generative._evidence import Evidence, evidence
from lossmith.generative._latent_base import LatentEstimator
from lossmith.generative._likelihoods import LIKELIHOODS
from lossmith.generative._parameters import check_number, check_one_of, check_whole

__all__ = ["Autoencoder", "VariationalAutoencoder"]

SCHEDULES = ("constant", "linear", "cosine", "cyclical")


class Autoencoder(LatentEstimator):
    r"""Autoencoder: a network that presses rows through a narrow code and rebuilds them.

    Use it to see a table or images in two dimensions, to make features, and to find rows that are rebuilt badly. For new
    rows drawn from the code take `VariationalAutoencoder`: here the code has no known law and gaps between clusters.

    Parameters
    ----------
    latent : int
        Dimensions of the code.
    network : str
        `dense:hidden=400` (widths as in 256x64) or `conv:filters=32x64`, for encoder and, mirrored, decoder.
    reconstruction : {"mse", "binary_crossentropy"}
        Squared differences of any numbers (as a Gaussian whose deviation is learned), or cross-entropy of numbers in [0, 1].
    noise : float
        Deviation of noise on the inputs alone: a denoising autoencoder.
    epochs, batch_size : int
    learning_rate : float
    decay : {"linear", "none"}
        Linear lets the learning rate fall to 0 over the second half.
    optimizer : str
        A Keras optimiser, with parameters after a colon.
    validation_fraction : float
        Share of rows to watch; 0 watches none.
    patience : int or None
        Stop after this many epochs without improvement on those rows, with the best weights.
    random_state : int, RandomState or None

    Attributes
    ----------
    weights_ : list of ndarray
    curves_ : mapping of str to ndarray of shape (n_epochs,)
        `loss` and its parts in nats for a row, `validation_loss` where rows are held out.

    Source: Hinton, Salakhutdinov, Reducing the dimensionality of data with neural networks, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> model = Autoencoder(latent=2, network="dense:hidden=16", epochs=2, random_state=0).fit(X)
    >>> model.transform(X).shape, model.inverse_transform(model.transform(X)).shape
    ((150, 2), (150, 4))
    """

    def __init__(
        self,
        *,
        latent: int = 2,
        network: str = "dense:hidden=400",
        reconstruction: str = "mse",
        noise: float = 0.0,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        decay: str = "linear",
        optimizer: str = "adam",
        validation_fraction: float = 0.0,
        patience: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.latent = latent
        self.network = network
        self.reconstruction = reconstruction
        self.noise = noise
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.decay = decay
        self.optimizer = optimizer
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state

    @property
    def likelihood(self) -> str:  # type: ignore[override]
        """Name of the likelihood that the reconstruction stands for."""
        return "bernoulli" if self.reconstruction == "binary_crossentropy" else "gaussian"

    def _check_parameters(self) -> None:
        check_one_of("reconstruction", self.reconstruction, ("mse", "binary_crossentropy"))
        check_number("noise", self.noise, closed_low=True)
        super()._check_parameters()

    def _extra(self) -> dict[str, Any]:
        return {"noise": self.noise}

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return minus the mean squared difference of rows and their reconstructions: larger is better."""
        return -float(self.reconstruction_error(X).mean())


class VariationalAutoencoder(LatentEstimator):
    r"""Variational autoencoder: a code with a known law, so that new rows can be drawn and rows have a likelihood.

    Minimises, in nats for a row and summed over features and dimensions, never averaged,

    $$ -\mathbb{E}_{q(z \mid x)} \log p(x \mid z) + \beta \sum_d \max(\lambda, \operatorname{KL}_d) $$

    with $\operatorname{KL}_d$ the divergence of dimension d from the standard normal prior, averaged over the batch.

    Use it to draw rows like those given, for smooth maps and interpolation, and for likelihoods of rows.

    Parameters
    ----------
    latent : int
    network : str
        See `Autoencoder`.
    likelihood : {"gaussian", "bernoulli", "continuous_bernoulli", "discretized_logistic"}
        See `LIKELIHOODS`. Under gaussian, columns are scaled to deviation 1 inside; likelihoods are in the units given.
    beta : float
        Weight of the divergence; 1 makes the loss a bound on the likelihood.
    schedule : {"constant", "linear", "cosine", "cyclical"}
        How beta is reached: at once, rising over `warm_up_epochs`, or in `cycles` over the whole training.
    warm_up_epochs, cycles : int
    free_bits : float
        Nats that each dimension may use for nothing.
    binarize : {"none", "dynamic"}
        Dynamic draws zeros and ones from numbers in [0, 1] anew at every step: what published likelihoods of MNIST mean.
    epochs, batch_size, learning_rate, decay, optimizer, validation_fraction, patience, random_state
        See `Autoencoder`.

    Attributes
    ----------
    weights_ : list of ndarray
    curves_ : mapping of str to ndarray of shape (n_epochs,)
        `loss` = `reconstruction` + `weighted_divergence`; `divergence` is that at weight 1.

    Source: Kingma, Welling, Auto-encoding variational Bayes, 2014; Rezende, Mohamed, Wierstra, Stochastic backpropagation, 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> model = VariationalAutoencoder(latent=2, network="dense:hidden=16", epochs=2, random_state=0).fit(X)
    >>> model.sample(3, random_state=1).shape
    (3, 4)
    """

    variational = True

    def __init__(
        self,
        *,
        latent: int = 20,
        network: str = "dense:hidden=400",
        likelihood: str = "gaussian",
        beta: float = 1.0,
        schedule: str = "constant",
        warm_up_epochs: int = 1,
        cycles: int = 4,
        free_bits: float = 0.0,
        binarize: str = "none",
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        decay: str = "linear",
        optimizer: str = "adam",
        validation_fraction: float = 0.0,
        patience: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.latent = latent
        self.network = network
        self.likelihood = likelihood
        self.beta = beta
        self.schedule = schedule
        self.warm_up_epochs = warm_up_epochs
        self.cycles = cycles
        self.free_bits = free_bits
        self.binarize = binarize
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.decay = decay
        self.optimizer = optimizer
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_one_of("schedule", self.schedule, SCHEDULES)
        check_one_of("binarize", self.binarize, ("none", "dynamic"))
        for name in ("beta", "free_bits"):
            check_number(name, getattr(self, name), closed_low=True)
        for name in ("warm_up_epochs", "cycles"):
            check_whole(name, getattr(self, name))
        if self.binarize == "dynamic" and LIKELIHOODS[self.likelihood].name != "bernoulli":
            raise InvalidInputError(
                f"binarize='dynamic' under likelihood {self.likelihood}", expected="the bernoulli likelihood"
            )

    def _extra(self) -> dict[str, Any]:
        return {
            "beta": self.beta,
            "schedule": self.schedule,
            "warm_up_epochs": self.warm_up_epochs,
            "cycles": self.cycles,
            "free_bits": self.free_bits,
            "binarize": self.binarize == "dynamic",
        }

    def sample(
        self, n: int = 1, *, random_state: Any = None, temperature: float = 1.0, noise: bool = False
    ) -> np.ndarray:
        """Return new rows, `(n, ...)`: codes drawn from the prior, decoded.

        Parameters
        ----------
        n : int
        random_state : int, RandomState or None
        temperature : float
            Deviation of the codes; below 1 rows are more alike and more typical.
        noise : bool
            Draw rows from the likelihood instead of taking its mean.
        """
        from sklearn.utils import check_random_state

        check_whole("n", n)
        check_number("temperature", temperature, closed_low=True)
        rng = np.random.default_rng(int(check_random_state(random_state).randint(2**31 - 1)))
        codes = rng.normal(size=(int(n), int(self.latent))) * temperature
        if not noise:
            return self.inverse_transform(codes)
        raw, log_scale = self._decoded(codes)
        return self._outside(self._model().likelihood.draw(rng, raw.astype(np.float64), log_scale))

    def score_samples(self, X: Any, *, samples: int = 1, seed: int = 0) -> np.ndarray:
        r"""Return a lower bound on the log-likelihood of each row, in nats.

        One sample gives an estimate of the evidence lower bound, more the importance-weighted bound
        $\log \frac{1}{k} \sum_i p(x, z_i) / q(z_i \mid x)$, which nears the log-likelihood from below.

        Parameters
        ----------
        samples : int
        seed : int
            Of the noise, and of the zeros and ones where rows are binarized.
        """
        check_whole("samples", samples)
        rows = self._targets(self._checked(X, reset=False), seed)
        found = self._model().by_blocks("importance", self.weights_, rows, samples=int(samples), key=seed)
        return np.asarray(found, dtype=np.float64) + self._log_volume()

    def _targets(self, rows: np.ndarray, seed: int) -> np.ndarray:
        inside = self._inside(rows)
        if self.binarize != "dynamic":
            return inside
        return (np.random.default_rng(seed).random(inside.shape) < inside).astype(np.float32)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return the mean evidence lower bound of rows, in nats: larger is better."""
        return -self.evaluate(X).negative_elbo

    def evaluate(self, X: Any, *, importance_samples: int = 0, seed: int = 0) -> Evidence:
        """Return the evidence lower bound of rows, taken apart: reconstruction, divergence by dimension, active units, findings.

        Parameters
        ----------
        importance_samples : int
            Samples of the importance-weighted bound; 0 leaves it out (200 are usual, and slow).
        seed : int
            See `score_samples`.
        """
        check_whole("importance_samples", importance_samples, least=0)
        rows = self._targets(self._checked(X, reset=False), seed)
        return evidence(
            self._model(),
            self.weights_,
            rows,
            log_volume=self._log_volume(),
            samples=int(importance_samples),
            seed=seed,
        )
