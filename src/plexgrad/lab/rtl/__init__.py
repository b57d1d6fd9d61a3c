"""Digital logic that trains itself: a generator, its bit-true model, and a driver."""
