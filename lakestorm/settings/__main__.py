"""`python -m lakestorm.settings`: the text of `.env.example`."""

from __future__ import annotations

import sys

from lakestorm.errors import exit_on_error
from lakestorm.settings.everything import env_example


def main() -> int:
    """Print it."""
    print(env_example(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_error(main))
