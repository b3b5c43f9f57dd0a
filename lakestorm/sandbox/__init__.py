"""Real services as local processes on loopback, for demo, tests and benchmarks: no Docker, nothing installed."""
