"""One file a system under load; no Locust inside."""
