"""Multiplexed gradient descent for hardware neural networks."""
