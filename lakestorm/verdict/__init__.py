"""PURE. What it means: thresholds, the ledger, the self-check, the verdict."""
