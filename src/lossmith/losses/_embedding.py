"""Losses on embeddings: directions, and who is near whom in a batch."""

from __future__ import annotations

from lossmith._arrays import Array, Namespace, largest, logsumexp, relu
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, REAL, Parameter
from lossmith.losses._heads import EMBEDDING
from lossmith.losses._spec import Loss

__all__ = ["RECORDS"]


def _unit(xp: Namespace, x: Array) -> Array:
    """Return rows of length 1, and 0 for rows shorter than 1e-15, which have no direction in single precision."""
    squared = xp.sum(x * x, axis=-1, keepdims=True)
    empty = squared < 1e-30
    length = xp.sqrt(xp.where(empty, xp.ones_like(squared), squared))
    return xp.where(empty, xp.zeros_like(x), x / length)


def _cosine(xp: Namespace, raw: Array, target: Array) -> Array:
    return -xp.sum(_unit(xp, raw) * _unit(xp, target), axis=-1)


def _alike(xp: Namespace, raw: Array, target: Array) -> tuple[Array, Array, Array]:
    """Return who is another sample of the same class, who is of another class, and who is another sample at all."""
    same = target[:, None] == target[None, :]
    # counted, not read from the shape: a batch of unknown size has none before it runs (TensorFlow)
    places = xp.cumulative_sum(xp.ones_like(raw[:, 0], dtype=xp.int32), axis=0)
    other = places[:, None] != places[None, :]
    return same & other, ~same, other


def _nt_xent(xp: Namespace, raw: Array, target: Array, *, temperature: float) -> Array:
    units = _unit(xp, raw)
    similarity = xp.sum(units[:, None, :] * units[None, :, :], axis=-1) / temperature
    positive, _, other = _alike(xp, raw, target)
    everyone = logsumexp(xp, xp.where(other, similarity, xp.full_like(similarity, -1e9)))
    weight = xp.astype(positive, raw.dtype)
    count = xp.sum(weight, axis=-1)
    return xp.sum(weight * (everyone - similarity), axis=-1) / xp.where(count > 0, count, xp.ones_like(count))


def _triplet(xp: Namespace, raw: Array, target: Array, *, margin: float) -> Array:
    difference = raw[:, None, :] - raw[None, :, :]
    squared = xp.sum(difference * difference, axis=-1)
    empty = squared == 0
    distance = xp.where(empty, xp.zeros_like(squared), xp.sqrt(xp.where(empty, xp.ones_like(squared), squared)))
    positive, negative, _ = _alike(xp, raw, target)
    far = xp.full_like(distance, 1e30)
    farthest = largest(xp, xp.where(positive, distance, -far))
    nearest = -largest(xp, xp.where(negative, -distance, -far))
    # a sample without a positive or without a negative has no triplet
    complete = (farthest >= 0) & (nearest < 1e29)
    gap = xp.where(complete, farthest - nearest, xp.zeros_like(nearest))
    return xp.where(complete, relu(xp, margin + gap), xp.zeros_like(nearest))


RECORDS = (
    Loss(
        name="cosine_similarity",
        task="embedding",
        function=_cosine,
        head=EMBEDDING,
        encoding="original",
        interval=REAL,
        elicits="mean direction",
        bounded=True,
        formula=r"-\frac{\sum_k z_k y_k}{\lVert z \rVert \lVert y \rVert}",
        gradient=r"\frac{1}{\lVert z \rVert} \left(\frac{z}{\lVert z \rVert} \cos(z, y) - \frac{y}{\lVert y \rVert}\right)",
        when="Only the direction of a vector counts, not its length: embeddings, text vectors.",
        when_not="Lengths carry meaning: use mean_squared_error.",
        reference="Singhal, Modern information retrieval: a brief overview, 2001",
        twins={"keras": "cosine_similarity", "optax": "cosine_similarity", "torch": "CosineEmbeddingLoss"},
        code={
            "keras": "keras.losses.CosineSimilarity()",
            "optax": "-optax.losses.cosine_similarity(raw, target)",
        },
        aliases=("cosine",),
    ),
    Loss(
        name="nt_xent",
        task="embedding",
        function=_nt_xent,
        head=EMBEDDING,
        encoding="class_ids",
        interval=NON_NEGATIVE,
        elicits="numeric",
        parameters=(Parameter("temperature", 0.1, POSITIVE, "small: only the nearest neighbours count"),),
        batchwise=True,
        bounded=True,
        formula=r"-\frac{1}{|P|} \sum_{p \in P} \log \frac{e^{s_p / \tau}}{\sum_{a} e^{s_a / \tau}}, \quad s = \cos(z, z_{\text{other}})",
        gradient=r"\frac{\partial}{\partial s_a} = \frac{1}{\tau} \left(\frac{e^{s_a / \tau}}{\sum_b e^{s_b / \tau}} - \frac{[a \in P]}{|P|}\right)",
        when="Samples of one class (or two views of one sample) should be neighbours and nothing else is known.",
        when_not="Batches hold few samples of each class, or you need predictions rather than an embedding.",
        reference="Chen et al., A simple framework for contrastive learning of visual representations, 2020; Khosla et al., Supervised contrastive learning, 2020",
        twins={"optax": "ntxent"},
        aliases=("ntxent", "supervised_contrastive", "info_nce"),
    ),
    Loss(
        name="triplet",
        task="embedding",
        function=_triplet,
        head=EMBEDDING,
        encoding="class_ids",
        interval=NON_NEGATIVE,
        elicits="numeric",
        parameters=(Parameter("margin", 1.0, POSITIVE, "how much nearer its class should be than any other"),),
        batchwise=True,
        robust=True,
        formula=r"\max\left(m + \max_{p: y_p = y} \lVert z - z_p \rVert - \min_{q: y_q \ne y} \lVert z - z_q \rVert, 0\right)",
        gradient=r"\frac{z - z_p}{\lVert z - z_p \rVert} - \frac{z - z_q}{\lVert z - z_q \rVert} \text{ of the hardest pair, if the loss is positive}",
        when="Samples of one class should be nearer to each other than to any other, by a margin.",
        when_not="Batches hold few samples of each class, or labels are often wrong: the hardest pair is then the wrong one.",
        reference="Hermans, Beyer and Leibe, In defense of the triplet loss for person re-identification, 2017",
        twins={"optax": "triplet_margin_loss", "torch": "TripletMarginLoss"},
        aliases=("batch_hard_triplet",),
    ),
)
