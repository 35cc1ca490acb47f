"""What the process keeps: catalogue, popular, trending and new items, factors, rules."""
