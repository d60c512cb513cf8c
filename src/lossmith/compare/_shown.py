"""The record of what a comparison of images shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Pictures"]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is shown of a comparison of images, for one loss.

    Attributes
    ----------
    loss : str
    samples, sample_labels : ndarray of shape (n_samples, height, width, channels), (n_samples,)
        Bytes, and class ids.
    confusion : ndarray of shape (n_classes, n_classes)
        Test rows of all seeds: true class by predicted class.
    mistakes, true, said, confidence : ndarray of shape (n_mistakes, ...)
        Wrong answers of the first seed with the highest probability, highest first.
    saliency : ndarray of shape (n_mistakes, height, width)
        Bytes: how much a pixel moves the score of the answer.
    kernels : ndarray of shape (n_kernels, height, width, channels)
        Weights of the first layer of the first seed.
    example : ndarray of shape (1, height, width, channels)
    maps : tuple of ndarray of shape (n_maps, height, width)
        Bytes: what the first convolutions make of the example.
    """

    loss: str
    samples: np.ndarray
    sample_labels: np.ndarray
    confusion: np.ndarray
    mistakes: np.ndarray
    true: np.ndarray
    said: np.ndarray
    confidence: np.ndarray
    saliency: np.ndarray
    kernels: np.ndarray
    example: np.ndarray
    maps: tuple[np.ndarray, ...]
