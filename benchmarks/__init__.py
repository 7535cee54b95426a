"""Figures of the planner, each beside something that was run in the same minutes."""
