"""Studies: the experiments of the source documents, one file each, and the ledger of their claims."""

from __future__ import annotations

from lossmith._catalogue import Catalogue
from lossmith.studies import drift_monitoring, tutorial
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult

__all__ = ["STUDIES", "Row", "RowVerdict", "Study", "StudyResult"]

STUDIES: Catalogue[Study] = Catalogue("study", [tutorial.STUDY, drift_monitoring.STUDY])
