"""Why a list holds what it holds: shares of the history's items and of the signals, and a reason in words."""
