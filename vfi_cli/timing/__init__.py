"""Times of frames as exact fractions: rates, the output schedule, cadence, pauses. Pure Python."""
