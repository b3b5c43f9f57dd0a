"""Pressure on the host: exact, polite, and with a record. `python -m sysload`."""
