"""The blanks around an id that do not belong to it (``ingest/meaning/identifiers.py`` takes them off)."""

from __future__ import annotations

# Blanks, line ends, tabs, the no-break space, a byte order mark.
BLANKS = " \t\r\n\u00a0\ufeff"
