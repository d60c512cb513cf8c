"""What is known about each optimiser: what it is called, the step around which rates are tried, and how it takes rows."""

from __future__ import annotations

from dataclasses import dataclass

from lossmith._catalogue import Catalogue

__all__ = ["OPTIMIZERS", "OptimizerRecord", "known_optimizer"]


@dataclass(frozen=True, slots=True)
class OptimizerRecord:
    """One way to descend.

    Attributes
    ----------
    name : str
    description : str
    reference : str
    kind : str
        Keras's name of what is made, or "lbfgs".
    values : tuple of (str, object)
        Its parameters that differ from Keras's defaults.
    rate : float
        The learning rate around which others are tried.
    grows : bool
        Whether that rate grows with the batch.
    full_batch : bool
        Whether a step sees all training rows.
    searches : bool
        Whether it finds the length of every step itself: there is no learning rate, and no schedule of one.
    averages : bool
        Whether predictions come from the mean of the weights of the last epochs.
    aliases : tuple of str
    """

    name: str
    description: str
    reference: str
    kind: str
    values: tuple[tuple[str, bool | float], ...] = ()
    rate: float = 0.01
    grows: bool = False
    full_batch: bool = False
    searches: bool = False
    averages: bool = False
    aliases: tuple[str, ...] = ()


_MOMENTUM = ("momentum", 0.9)

OPTIMIZERS: Catalogue[OptimizerRecord] = Catalogue(
    "optimizer",
    [
        OptimizerRecord(
            "gradient_descent",
            "the gradient of all training rows at every step",
            "Cauchy, Méthode générale pour la résolution des systèmes d'équations simultanées, 1847",
            "sgd",
            rate=0.3,
            full_batch=True,
            aliases=("batch_gradient_descent", "gd", "bgd"),
        ),
        OptimizerRecord(
            "sgd",
            "the gradient of one batch at every step; `batch_size=1` of one row",
            "Robbins, Monro, A stochastic approximation method, 1951",
            "sgd",
            rate=0.1,
            grows=True,
            aliases=("mini_batch", "stochastic_gradient_descent"),
        ),
        OptimizerRecord(
            "momentum",
            "batches, with a velocity that keeps 0.9 of itself",
            "Polyak, Some methods of speeding up the convergence of iteration methods, 1964",
            "sgd",
            (_MOMENTUM,),
            grows=True,
            aliases=("sgd_momentum",),
        ),
        OptimizerRecord(
            "nesterov",
            "momentum whose gradient is taken where the velocity leads",
            "Nesterov, A method of solving a convex programming problem with convergence rate O(1/k^2), 1983",
            "sgd",
            (_MOMENTUM, ("nesterov", True)),
            grows=True,
            aliases=("nag",),
        ),
        OptimizerRecord(
            "adagrad",
            "steps divided by the root of all squared gradients so far",
            "Duchi, Hazan, Singer, Adaptive subgradient methods for online learning and stochastic optimization, 2011",
            "adagrad",
            rate=0.1,
        ),
        OptimizerRecord(
            "adadelta",
            "steps in the units of the weights, from running means of squared gradients and squared steps",
            "Zeiler, ADADELTA: an adaptive learning rate method, 2012",
            "adadelta",
            rate=1.0,
        ),
        OptimizerRecord(
            "rmsprop",
            "steps divided by the root of a running mean of squared gradients",
            "Tieleman, Hinton, Lecture 6.5: RMSprop, 2012",
            "rmsprop",
        ),
        OptimizerRecord(
            "adam",
            "RMSprop with momentum, both freed of their start",
            "Kingma, Ba, Adam: a method for stochastic optimization, 2015",
            "adam",
        ),
        OptimizerRecord(
            "adamw",
            "Adam with a decay of the weights beside the gradient",
            "Loshchilov, Hutter, Decoupled weight decay regularization, 2019",
            "adamw",
        ),
        OptimizerRecord(
            "lbfgs",
            "a quasi-Newton step on all training rows, its length by line search",
            "Liu, Nocedal, On the limited memory BFGS method for large scale optimization, 1989",
            "lbfgs",
            rate=1.0,
            full_batch=True,
            searches=True,
            aliases=("l_bfgs",),
        ),
        OptimizerRecord(
            "swa",
            "momentum, and the mean of the weights after each of the last epochs",
            "Izmailov and others, Averaging weights leads to wider optima and better generalization, 2018",
            "sgd",
            (_MOMENTUM,),
            grows=True,
            averages=True,
            aliases=("stochastic_weight_averaging",),
        ),
    ],
)


def known_optimizer(name: str) -> OptimizerRecord:
    """Return what is known of an optimiser; one that is only Keras's has a record without particulars.

    Examples
    --------
    >>> known_optimizer("NAG").name, known_optimizer("lion").rate
    ('nesterov', 0.01)
    """
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    return OptimizerRecord(name.lower(), "as in Keras", "", name.lower())
