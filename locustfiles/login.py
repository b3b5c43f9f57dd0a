"""Logins of a large shop, in Avro to Kafka: as many a second as are offered, each counted when it is acknowledged."""

from __future__ import annotations

from locust import task

from lakestorm.load.login_users import LoginProducer
from lakestorm.load.logins import LoginStream
from lakestorm.load.session import install


class LoginUser(LoginProducer):
    """A place in the schedule: one login every LOGIN_GEN_EVERY_MS, of whichever account is due."""

    @task
    def log_in_people(self) -> None:
        """Do what is due, one login after the other, until told to stop."""
        for intended, _ in self.requests():
            self.log_in(intended)


install(LoginStream())
