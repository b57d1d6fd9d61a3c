"""Datasets: read or made, checked, and described well enough for a report."""

from plexgrad.data.catalogue import describe, fetch, load, names, source
from plexgrad.data.dataset import Dataset

__all__ = ["Dataset", "describe", "fetch", "load", "names", "source"]
