"""The sources and how many claims each makes: what the ledger has to hold."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BEYOND", "SOURCES", "Source", "source_of"]

_HANDBOOK = "Handbook of Deep Learning Models, Volume One"


@dataclass(frozen=True, slots=True)
class Source:
    """A document, or a part of one, whose claims are numbered from 1.

    Attributes
    ----------
    code : str
        What its ids begin with, as in `K-13`.
    title : str
    count : int
        How many claims it makes.
    """

    code: str
    title: str
    count: int

    @property
    def claims(self) -> tuple[str, ...]:
        """Return the id of every claim.

        Examples
        --------
        >>> Source("K", "a report", 2).claims, Source("H-C", "a chapter", 1).claims
        (('K-01', 'K-02'), ('H-C01',))
        """
        stem = self.code if "-" in self.code else f"{self.code}-"
        return tuple(f"{stem}{place:02d}" for place in range(1, self.count + 1))


SOURCES: tuple[Source, ...] = (
    Source("T", "How to Choose Loss Functions When Training Neural Networks, a Keras tutorial", 13),
    Source("K", "a project report on the Kullback-Leibler divergence as a measure and as a loss, 2024", 15),
    Source("N", "Introduction to Machine Learning, lecture notes, 2018", 24),
    Source("H1", f"{_HANDBOOK}, chapter 1: introduction", 11),
    Source("H2", f"{_HANDBOOK}, chapter 2: machine learning fundamentals", 23),
    Source("H3", f"{_HANDBOOK}, chapter 3: neural networks fundamentals", 25),
    Source("H-T", f"{_HANDBOOK}, the end of chapter 3: L-BFGS, schedules and LeNet", 5),
    Source("H-C", f"{_HANDBOOK}, chapter 4: convolutional networks", 19),
    Source("H-R", f"{_HANDBOOK}, chapter 5: recurrent networks", 8),
    Source("H-G", f"{_HANDBOOK}, chapter 6: adversarial networks", 11),
    Source("H-B", f"{_HANDBOOK}, chapter 7: radial basis functions", 9),
    Source("H-S", f"{_HANDBOOK}, chapter 8: self-organizing maps", 8),
)
BEYOND = "L"  # what no source claims and a study measures all the same


def source_of(claim: str) -> str:
    """Return the code of the source of a claim; `L` for those beyond the sources.

    Examples
    --------
    >>> source_of("K-13"), source_of("H-C05"), source_of("L-N01")
    ('K', 'H-C', 'L')
    """
    head, _, rest = claim.partition("-")
    return f"H-{rest[:1]}" if head == "H" else head
