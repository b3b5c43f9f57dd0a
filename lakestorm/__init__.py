"""lakestorm: load, measuring and verdict for lakehouse platforms."""
