"""How fast lakestorm is, as ratios against named peers in the same run: `make bench`."""
