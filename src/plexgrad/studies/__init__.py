"""Figures and tables of the papers, made again: one file each, found by crawling."""

from plexgrad.studies.catalogue import studies, study
from plexgrad.studies.running import Glance, result_of, run_study
from plexgrad.studies.study import AbstractStudy, Case, Desk, Expected, Published

__all__ = [
    "AbstractStudy",
    "Case",
    "Desk",
    "Expected",
    "Glance",
    "Published",
    "result_of",
    "run_study",
    "studies",
    "study",
]
