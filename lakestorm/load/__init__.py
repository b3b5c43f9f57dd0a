"""The only place that imports Locust: users, shape, measuring, a run's life."""
