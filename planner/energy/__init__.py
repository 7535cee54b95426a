"""What vehicles use on the road."""
