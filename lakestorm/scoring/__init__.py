"""Detectors of odd logins: the address table they join, a small one as a yardstick, and how good any of them is."""
