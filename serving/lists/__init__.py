"""Lists beside a user's own: groups, sessions, neighbours, explanations, estimates."""
