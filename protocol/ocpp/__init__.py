"""OCPP 1.6 and 2.0.1 as seen by a central system, without I/O, behind one vocabulary."""
