"""Exit codes that tell a service's supervisor whether to start it again."""

from __future__ import annotations

# Starting again does not help: an operator has to run what the service's last line names.
NEEDS_OPERATOR = 78  # EX_CONFIG of sysexits.h
