"""Tests of the pure and base rows, and of rules that are read from the source; nothing runs."""
