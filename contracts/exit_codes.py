"""Exit codes by which a service tells its supervisor more than that it failed."""

from __future__ import annotations

# Starting again does not help: an operator has to run what the service's last line names.
NEEDS_OPERATOR = 78  # EX_CONFIG of sysexits.h
