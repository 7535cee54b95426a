"""What the algorithms share: time as they see it, what may be chosen, and a plan on its way."""
