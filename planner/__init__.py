"""A pure function from a depot's snapshot to a plan over routes and charging."""
