"""What master and workers tell each other beside Locust's own messages: a dictionary each, of what msgpack takes."""

from __future__ import annotations

ABOUT = "lakestorm"
"""Worker, in each of Locust's own reports, once it has checked everything and is ready for runs: `host`, `pid`,
`settings` {name: value, secrets as stars}. A message of its own might come before the master listens for it."""
PING, PONG = "lakestorm_ping", "lakestorm_pong"
"""Worker, at `asked_s` by its clock; the master's answer, with `master_s` by its own."""
BEGIN = "lakestorm_begin"
"""Master: get ready for a run. `run` (its key), `process`, `doors_open_s`, `run_time_s`, `users`, `overrides` {setting:
text, of the command line or the form}, `orders` and `shares` (see load.part.RunContext)."""
READY = "lakestorm_ready"
"""Worker: I am. `run`, `clock_error_ms`."""
REFUSED = "lakestorm_refused"
"""Worker: I cannot. `run`, None if its own checks refuse any; `why`, a sentence; `broke`: it is a bug."""
DISMISS = "lakestorm_dismiss"
"""Master: the run that you got ready for does not take place."""
GO = "lakestorm_go"
"""Master: the clock runs. `origin_s` by the master's clock, `started_at` in seconds since 1970."""
REPORT = "lakestorm_report"
"""Worker, once a second: `process`, `told_s`, `report` (record.shipping), `readings` [[second, probe, …], …]."""
DRAIN = "lakestorm_drain"
"""Master: stop your users, settle what is in doubt, send what you have."""
FILE = "lakestorm_file"
"""Worker: a piece of evidence for the results folder. `name`, `bytes`."""
DRAINED = "lakestorm_drained"
"""Worker: that was all. `broke` (a user raised what it should not), `instrument`."""
