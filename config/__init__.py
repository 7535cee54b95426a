"""What an operator may set: read from file, environment and credentials, judged before use."""
