"""A user's list, and lists beside it: groups, sessions, neighbours, explanations, estimates."""
