"""PURE. What happened: outcomes, histograms, the per-second timeline, the run; readers and writers of its files."""
