"""Visits (探访): which are due, by class, period and calendar. Pure: dates in, an assessment out; no clock, no I/O."""
