"""Every route of the page that asks for a login; a unit test holds it equal to what Locust and we have."""

CLOSED = (
    "/", "/exceptions", "/exceptions/csv", "/log-out", "/login", "/logs", "/metrics", "/pipeline", "/pipeline/series",
    "/report", "/stats/failures/csv", "/stats/report", "/stats/requests", "/stats/requests/csv",
    "/stats/requests_full_history/csv", "/stats/reset", "/stop", "/swarm", "/tasks", "/user", "/worker-count",
)  # fmt: skip
