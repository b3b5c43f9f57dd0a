"""`python -m lakestorm.cli`."""

from __future__ import annotations

import sys

from lakestorm.cli import main

if __name__ == "__main__":
    sys.exit(main())
