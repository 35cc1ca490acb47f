"""An experiment's report: figures, practices and decision, as JSON, for a terminal and as a page."""
