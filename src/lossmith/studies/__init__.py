"""Studies: the experiments of the source documents, one file each, and the ledger of their claims."""

from __future__ import annotations

from lossmith._catalogue import Catalogue
from lossmith.studies import (
    choosing,
    classical_models,
    constraints,
    convolutions,
    data_and_fairness,
    divergence_elsewhere,
    drift_monitoring,
    early_networks,
    explanations,
    generative_models,
    images,
    kl_report,
    label_noise,
    lecture_gradients,
    lecture_models,
    maps,
    optimisation,
    recurrent,
    term_deposits,
    training_loops,
    tutorial,
    units,
)
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult

__all__ = ["STUDIES", "Row", "RowVerdict", "Study", "StudyResult"]

STUDIES: Catalogue[Study] = Catalogue(
    "study",
    [
        tutorial.STUDY,
        kl_report.STUDY,
        drift_monitoring.STUDY,
        divergence_elsewhere.STUDY,
        early_networks.STUDY,
        explanations.STUDY,
        data_and_fairness.STUDY,
        label_noise.STUDY,
        lecture_models.STUDY,
        classical_models.STUDY,
        term_deposits.STUDY,
        maps.STUDY,
        convolutions.STUDY,
        images.STUDY,
        units.STUDY,
        constraints.STUDY,
        optimisation.STUDY,
        training_loops.STUDY,
        lecture_gradients.STUDY,
        recurrent.STUDY,
        generative_models.STUDY,
        choosing.STUDY,
    ],
)
