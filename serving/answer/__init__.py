"""The answer on one screen: candidates, filters, refill, re-rankers."""
