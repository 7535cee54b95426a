"""The wire: text in, events out; commands in, text out. No I/O, no clock, no logging."""
