"""Encoder, decoder and likelihood as pure functions of one list of weights, compiled once for a configuration."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, final

import numpy as np

from lossmith.generative._latent_networks import latent_pair
from lossmith.generative._likelihoods import LIKELIHOODS
from lossmith.training import compilation_cache

__all__ = ["LatentModel", "latent_model"]

ROWS = 500  # of one call


@final
class LatentModel:
    """What a list of weights means: those of the encoder, the decoder, and the logarithm of the scale where one is learned.

    Parameters
    ----------
    network : str
    shape : tuple of int
        Of one row.
    latent : int
    likelihood : str
    variational : bool
    """

    def __init__(self, network: str, shape: tuple[int, ...], latent: int, likelihood: str, variational: bool) -> None:
        self.pair = latent_pair(network, shape, latent, 2 * latent if variational else latent)
        self.shape, self.latent, self.variational = shape, latent, variational
        self.likelihood = LIKELIHOODS[likelihood]
        self._n_encoder = len(self.pair.encoder.variables)
        self._n_networks = self._n_encoder + len(self.pair.decoder.variables)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all weights."""
        variables = [*self.pair.encoder.variables, *self.pair.decoder.variables]
        return [*(tuple(variable.shape) for variable in variables), *([()] if self.likelihood.scaled else [])]

    def encode(self, weights: list[Any], rows: Any) -> tuple[Any, Any]:
        """Return means and log-variances, (n_rows, latent); an autoencoder's log-variances are minus infinity."""
        import jax.numpy as jnp

        raw, _ = self.pair.encoder.stateless_call(weights[: self._n_encoder], [], rows)
        if not self.variational:
            return raw, jnp.full_like(raw, -jnp.inf)
        # beyond these a variance has no effect but overflow
        return raw[:, : self.latent], jnp.clip(raw[:, self.latent :], -30.0, 20.0)

    def decode(self, weights: list[Any], codes: Any) -> tuple[Any, Any]:
        """Return raw outputs of the rows' shape and the logarithm of the scale."""
        raw, _ = self.pair.decoder.stateless_call(weights[self._n_encoder : self._n_networks], [], codes)
        return raw, (weights[-1] if self.likelihood.scaled else 0.0)

    def log_likelihood(self, weights: list[Any], codes: Any, rows: Any) -> Any:
        """Return log p(x | z), summed over features, (n_rows,)."""
        raw, log_scale = self.decode(weights, codes)
        pointwise = self.likelihood.log_density(raw, rows, log_scale)
        return pointwise.reshape(len(rows), -1).sum(axis=1)

    def importance(self, weights: list[Any], rows: Any, key: Any, *, samples: int) -> Any:
        r"""Return the importance-weighted bound of each row, (n_rows,): log of the mean of p(x, z) / q(z | x) over samples of q.

        Source: Burda, Grosse, Salakhutdinov, Importance weighted autoencoders, 2016.
        """
        import jax
        import jax.numpy as jnp

        mean, log_variance = self.encode(weights, rows)
        total = min(10, samples)
        blocks = -(-samples // total)

        # a row's noise comes from its numbers, so that its value depends neither on its place nor on the other rows
        bits = jax.lax.bitcast_convert_type(rows.reshape(len(rows), -1).astype(jnp.float32), jnp.uint32)
        places = jax.random.bits(key, (bits.shape[1],), jnp.uint32) | 1
        marks = (bits * places).sum(axis=1, dtype=jnp.uint32)

        def block(key: Any) -> Any:
            keys = jax.vmap(jax.random.fold_in, (None, 0))(key, marks)
            noise = jax.vmap(lambda own: jax.random.normal(own, (total, self.latent)), out_axes=1)(keys)
            codes = mean + jnp.exp(0.5 * log_variance) * noise
            flat = codes.reshape(-1, self.latent)
            known = self.log_likelihood(weights, flat, jnp.tile(rows, (total, *(1,) * (rows.ndim - 1))))
            # log p(z) - log q(z | x): the constants cancel
            ratio = 0.5 * (noise**2 - codes**2 + log_variance).sum(axis=-1)
            return known.reshape(total, -1) + ratio

        found = jax.lax.map(block, jax.random.split(key, blocks)).reshape(blocks * total, -1)[:samples]
        return jax.scipy.special.logsumexp(found, axis=0) - jnp.log(samples)

    @functools.cached_property
    def _compiled(self) -> dict[str, Callable[..., Any]]:
        import jax

        return {
            "encode": jax.jit(self.encode),
            "decode": jax.jit(self.decode),
            "log_likelihood": jax.jit(self.log_likelihood),
            "importance": jax.jit(self.importance, static_argnames="samples"),
        }

    def by_blocks(self, name: str, weights: list[np.ndarray], *arrays: np.ndarray, **options: Any) -> Any:
        """Call a compiled function on blocks of rows of one shape; return NumPy arrays. `key` is an integer."""
        import jax

        seed = options.pop("key", None)
        found = []
        n = len(arrays[0])
        # one shape whatever the number of rows: a row's value is then the same to the last digit
        size = min(ROWS, n) if name != "importance" else 100
        with compilation_cache():
            for start in range(0, n, size):
                parts: list[Any] = [np.asarray(array[start : start + size]) for array in arrays]
                kept = len(parts[0])
                if kept < size:  # one shape, one program
                    parts = [np.concatenate([part, np.repeat(part[-1:], size - kept, axis=0)]) for part in parts]
                if seed is not None:
                    parts.append(jax.random.key_data(jax.random.key(seed)))
                out = self._compiled[name](weights, *parts, **options)
                found.append(
                    jax.tree.map(lambda a, kept=kept: np.asarray(a)[:kept] if np.ndim(a) else np.asarray(a), out)
                )
        if isinstance(found[0], tuple):
            return tuple(np.concatenate(p) if np.ndim(p[0]) else p[0] for p in zip(*found, strict=True))
        return np.concatenate(found)


@functools.lru_cache(maxsize=32)
def latent_model(network: str, shape: tuple[int, ...], latent: int, likelihood: str, variational: bool) -> LatentModel:
    """Return the model of a configuration; equal configurations share one."""
    return LatentModel(network, shape, latent, likelihood, variational)
