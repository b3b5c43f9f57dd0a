"""From a results folder to what people and CI read."""
