"""Records drawn: tables, plots, one HTML page. Nothing here runs or trains anything."""

from plexgrad.report.metrics import write_metrics
from plexgrad.report.page import write_page
from plexgrad.report.summary import summary_lines, to_json_summary

__all__ = ["summary_lines", "to_json_summary", "write_metrics", "write_page"]
