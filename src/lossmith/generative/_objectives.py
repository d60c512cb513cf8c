"""The catalogue of adversarial objectives.

Raw outputs in: `softplus` takes the place of logarithms of probabilities, so that nothing overflows and nothing is clipped.
"""

from __future__ import annotations

import math
from typing import Any

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError
from lossmith._names import parse_name
from lossmith.generative._objective_spec import Estimate, Objective

__all__ = ["OBJECTIVES", "get_objective", "unpenalized_objective"]

LOGISTIC = r"\mathbb{E}_p \log(1 + e^{-r}) + \mathbb{E}_q \log(1 + e^{f})"
AWAY = r"-\mathbb{E}_q\, f"
JENSEN = Estimate("jensen_shannon_divergence", -0.5, math.log(2))


def _softplus(x: Any) -> Any:
    import jax

    return jax.nn.softplus(x)


def _relu(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.maximum(x, 0)


def _logistic(r: Any, f: Any, *, smoothing: float = 0.0) -> Any:
    real = (1 - smoothing) * _softplus(-r) + smoothing * _softplus(r) if smoothing else _softplus(-r)
    return real.mean() + _softplus(f).mean()


def _saturating(r: Any, f: Any) -> Any:  # noqa: ARG001
    return -_softplus(f).mean()  # log(1 - D)


def _non_saturating(r: Any, f: Any) -> Any:  # noqa: ARG001
    return _softplus(-f).mean()


def _squares(r: Any, f: Any, *, smoothing: float = 0.0) -> Any:
    return 0.5 * ((r - (1 - smoothing)) ** 2).mean() + 0.5 * ((f + 1) ** 2).mean()


def _squares_generator(r: Any, f: Any) -> Any:  # noqa: ARG001
    return 0.5 * (f**2).mean()


def _hinge(r: Any, f: Any) -> Any:
    return _relu(1 - r).mean() + _relu(1 + f).mean()


def _away(r: Any, f: Any) -> Any:  # noqa: ARG001
    return -f.mean()


def _gap(r: Any, f: Any) -> Any:
    return f.mean() - r.mean()


def _relativistic(r: Any, f: Any) -> Any:
    return _softplus(f - r).mean()


def _relativistic_generator(r: Any, f: Any) -> Any:
    return _softplus(r - f).mean()


# f-GAN: T = g(v) runs over the domain of the conjugate f*; the bound is E_p T - E_q f*(T)
def _kl(r: Any, f: Any) -> Any:
    import jax.numpy as jnp

    return jnp.exp(f - 1).mean() - r.mean()


def _reverse_kl(r: Any, f: Any) -> Any:
    import jax.numpy as jnp

    return jnp.exp(-r).mean() - (1 - f).mean()


def _js(r: Any, f: Any) -> Any:
    # T = log 2 - softplus(-v), f*(T) = -log(2 - exp T) = softplus(v) - log 2
    return _logistic(r, f) - 2 * math.log(2)


def _pearson(r: Any, f: Any) -> Any:
    return (f**2 / 4 + f).mean() - r.mean()


def _hellinger(r: Any, f: Any) -> Any:
    import jax.numpy as jnp

    # T = 1 - exp(-v), f*(T) = T / (1 - T) = exp(v) - 1
    return (jnp.exp(f) - 1).mean() - (1 - jnp.exp(-r)).mean()


def _hellinger_generator(r: Any, f: Any) -> Any:  # noqa: ARG001
    import jax.numpy as jnp

    return (jnp.exp(-f) - 1).mean()


def _fgan(
    name: str, score: Any, estimate: Estimate, conjugate: str, *, generator: tuple[Any, str] = (_away, AWAY)
) -> Objective:
    # the generator raises E_q T, the paper's practical choice; for reverse KL that of the theory, E_q f*(T), is tamer
    return Objective(
        name=f"fgan_{name}",
        discriminator=score,
        generator=generator[0],
        estimates=estimate,
        measures=f"{estimate.divergence.replace('_', ' ')} of data p and generator q",
        when="To fit under a divergence that you name, and to see what difference it makes.",
        penalty="r1",
        weight=0.1,
        critic_steps=1,
        decides="pair",
        smoothing=False,
        formula_discriminator=conjugate,
        formula_generator=generator[1],
        reference="Nowozin, Cseke, Tomioka, f-GAN, 2016",
        aliases=(f"fgan-{name}",),
    )


OBJECTIVES: Catalogue[Objective] = Catalogue(
    "objective",
    [
        Objective(
            "non_saturating", _logistic, _non_saturating, JENSEN,
            "Jensen-Shannon divergence (discriminator); the generator follows KL(q, p) minus twice it",
            "The classical choice, with networks of images and a published recipe to follow.",
            "none", 0.0, 1, "sign", True, LOGISTIC, r"\mathbb{E}_q \log(1 + e^{-f})",
            "Goodfellow and others, Generative adversarial nets, 2014", {}, ("nonsaturating", "ns"),
        ),
        Objective(
            "saturating", _logistic, _saturating, JENSEN, "Jensen-Shannon divergence",
            "To show why it is not used: its slope vanishes where the discriminator is sure.",
            "none", 0.0, 1, "sign", True, LOGISTIC, r"-\mathbb{E}_q \log(1 + e^{f})",
            "Goodfellow and others, Generative adversarial nets, 2014", {}, ("minimax",),
        ),
        Objective(
            "least_squares", _squares, _squares_generator, Estimate("le_cam_divergence", -1.0, 1.0),
            "Le Cam's triangular divergence (discriminator); the generator follows Pearson's chi-squared of p + q and 2 q",
            "Where the logistic losses saturate; targets are -1 and 1, the generator aims at 0.",
            "none", 0.0, 1, "sign", True,
            r"\tfrac12 \mathbb{E}_p (r - 1)^2 + \tfrac12 \mathbb{E}_q (f + 1)^2", r"\tfrac12 \mathbb{E}_q f^2",
            "Mao and others, Least squares generative adversarial networks, 2017", {}, ("lsgan",),
        ),
        Objective(
            "hinge", _hinge, _away, Estimate("total_variation_distance", -0.5, 1.0), "total variation distance",
            "Large image networks with many steps: rows that are told apart well enough no longer count.",
            "none", 0.0, 1, "sign", False,
            r"\mathbb{E}_p \max(0, 1 - r) + \mathbb{E}_q \max(0, 1 + f)", r"-\mathbb{E}_q f",
            "Lim, Ye, Geometric GAN, 2017", {}, (),
        ),
        Objective(
            "wasserstein", _gap, _away, Estimate("wasserstein_distance", -1.0, 0.0),
            "Wasserstein-1 distance over functions of slope 1",
            "Where a loss should fall as samples get better; five steps of the critic for each of the generator.",
            "gradient", 10.0, 5, "pair", False, r"\mathbb{E}_q f - \mathbb{E}_p r", r"-\mathbb{E}_q f",
            "Arjovsky, Chintala, Bottou, Wasserstein GAN, 2017; Gulrajani and others, Improved training of Wasserstein GANs, 2017",
            {}, ("wgan", "wgan_gp", "w1"),
        ),
        Objective(
            "relativistic", _relativistic, _relativistic_generator, None,
            "a divergence of pairs: how well a real row can be told from a generated one beside it",
            "The default: rows are judged in pairs, which keeps all modes; with penalties on both sides it converges.",
            "r1r2", 0.1, 1, "pair", False,
            r"\mathbb{E} \log(1 + e^{f - r})", r"\mathbb{E} \log(1 + e^{r - f})",
            "Jolicoeur-Martineau, The relativistic discriminator, 2019; Huang and others, The GAN is dead; long live the GAN, 2024",
            {}, ("rpgan", "r3gan"),
        ),
        _fgan("kl", _kl, Estimate("kl_divergence", -1.0, 0.0), r"\mathbb{E}_q e^{f - 1} - \mathbb{E}_p r"),
        _fgan(
            "reverse_kl", _reverse_kl, Estimate("reverse_kl_divergence", -1.0, 0.0),
            r"\mathbb{E}_p e^{-r} - \mathbb{E}_q (1 - f)",
        ),
        _fgan(
            "js", _js, Estimate("jensen_shannon_divergence", -0.5, 0.0),
            LOGISTIC + r" - 2 \log 2", generator=(_non_saturating, r"\mathbb{E}_q \log(1 + e^{-f})"),
        ),
        _fgan("pearson", _pearson, Estimate("pearson_chi_squared", -1.0, 0.0), r"\mathbb{E}_q (f^2 / 4 + f) - \mathbb{E}_p r"),
        _fgan(
            "hellinger", _hellinger, Estimate("hellinger_distance", -0.5, 0.0, 2),
            r"\mathbb{E}_q (e^{f} - 1) - \mathbb{E}_p (1 - e^{-r})",
            generator=(_hellinger_generator, r"\mathbb{E}_q (e^{-f} - 1)"),
        ),
    ],
)  # fmt: skip


def get_objective(text: str | Objective) -> Objective:
    """Return the objective of that name or alias, with parameters after a colon if any.

    Use it where an objective is named by a user; `text` is its name with parameters, as in `non_saturating`.

    `fgan:divergence=kl` is another way to write `fgan_kl`.

    Raises
    ------
    UnknownNameError
        No such objective or parameter.

    Examples
    --------
    >>> get_objective("wgan").name, get_objective("fgan:divergence=hellinger").measures
    ('wasserstein', 'hellinger distance of data p and generator q')
    """
    if isinstance(text, Objective):
        return text
    name, values = parse_name(str(text))
    if name.lower() == "fgan":
        name = f"fgan_{values.pop('divergence', 'js')}"
    return OBJECTIVES[name].configured(**values)


def unpenalized_objective(text: str | Objective) -> Objective:
    """Return the objective of that name where it judges single rows and needs no penalty on slopes.

    Raises
    ------
    InvalidInputError
        It compares rows in pairs, or needs a penalty.
    """
    objective = get_objective(text)
    if objective.decides != "sign" or objective.penalty != "none":
        fitting = [one.name for one in OBJECTIVES.values() if one.decides == "sign" and one.penalty == "none"]
        raise InvalidInputError(
            f"objective {objective.name}, which compares rows in pairs or needs a penalty",
            expected="one of " + ", ".join(fitting),
        )
    return objective
