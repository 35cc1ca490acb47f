"""Detects that users' behaviour has changed since the served model was trained, and asks for a round."""
