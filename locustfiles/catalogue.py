"""A shop that is kept: prices, names, items, addresses change, so a pipeline has updates and deletes to follow."""

from __future__ import annotations

from locust import task

from lakestorm.load.catalogue import Catalogue
from lakestorm.load.keepers import CatalogueKeeper
from lakestorm.load.session import install


class CatalogueUser(CatalogueKeeper):
    """Somebody who keeps the shop: one deed every CATALOGUE_EDIT_EVERY_MS. Stock is left alone."""

    @task
    def keep_shop(self) -> None:
        """Do what is due, one deed after the other, until told to stop."""
        for intended, deed in self.requests():
            self.keep(deed, intended)


install(Catalogue())
