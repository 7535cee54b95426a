"""The daemon under every fault we know of, in virtual time, from one seed."""
