"""Nouns: contracts, probes, readings, the clock, the record. No algorithm, no I/O."""
