"""What the depot believes and what follows from it: pure, synchronous, no clock and no I/O."""
