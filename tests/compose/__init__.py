"""Tests that need a container engine: `make compose-test`, never `make test`."""
