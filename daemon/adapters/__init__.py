"""One outside thing each: they turn it into events and carry out effects."""
