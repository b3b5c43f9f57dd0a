"""A flash sale: many people, little stock, one moment. Looks, buys and returns as one transaction each."""

from __future__ import annotations

from locust import task

from lakestorm.load.purchases import FlashSale
from lakestorm.load.session import install
from lakestorm.load.shoppers import PurchaseUser
from lakestorm.model.shopping import Action


class FlashSaleUser(PurchaseUser):
    """One shopper, who starts a request of PURCHASE_MIX every PURCHASE_GEN_EVERY_MS, whatever the shop answers."""

    @task
    def shop(self) -> None:
        """Do what is due, one request after the other, until told to stop."""
        for intended, action in self.requests():
            if action is Action.BUY:
                self.buy(intended)
            elif action is Action.VIEW:
                self.view_item(intended)
            else:
                self.cancel_order(intended)


install(FlashSale())
