"""Datasets: read or made, checked, and described well enough for a report."""

from plexgrad.data.catalogue import load, names
from plexgrad.data.dataset import Dataset

__all__ = ["Dataset", "load", "names"]
