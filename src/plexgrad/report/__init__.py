"""Records drawn: tables, plots, one HTML page. Nothing here runs or trains anything."""

from plexgrad.report.golden import write_golden, write_index
from plexgrad.report.metrics import write_metrics
from plexgrad.report.page import write_page
from plexgrad.report.study_page import study_lines, write_study_page
from plexgrad.report.summary import summary_lines, to_json_summary

__all__ = [
    "study_lines",
    "summary_lines",
    "to_json_summary",
    "write_golden",
    "write_index",
    "write_metrics",
    "write_page",
    "write_study_page",
]
