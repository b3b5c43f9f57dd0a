"""PURE. What the load is: people, catalogue, orders, demand, arrivals, profiles."""
