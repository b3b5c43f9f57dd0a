"""Tests of lakestorm."""
