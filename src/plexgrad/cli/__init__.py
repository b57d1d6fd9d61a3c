"""The command line: parse, call, print. All work is done in the rooms below."""

from plexgrad.cli.app import main

__all__ = ["main"]
