"""Whether what users do has changed since the served model was trained, and when that asks for a round."""
