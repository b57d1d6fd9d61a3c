"""The parts of `benchmarks/suite.py`: baselines, cases, timing, tables."""
