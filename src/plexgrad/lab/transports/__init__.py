"""What carries bytes: one file per kind of link, found by its scheme."""
