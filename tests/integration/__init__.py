"""Integration tests: real services."""
