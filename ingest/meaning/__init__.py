"""From rows to events: which column means what, and what its values, types and times mean."""
