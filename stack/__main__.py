"""`python -m stack` is `headwater`."""

from __future__ import annotations

from stack.cli import main

if __name__ == "__main__":
    main()
