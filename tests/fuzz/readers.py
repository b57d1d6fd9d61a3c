"""Every reader of bytes: see `reader` for what that is."""

from . import data_readers, lab_readers, run_readers

READERS = (*data_readers.READERS, *run_readers.READERS, *lab_readers.READERS)
