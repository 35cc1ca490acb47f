"""What every request passes: access, admission, bounds, problems, rendering."""
