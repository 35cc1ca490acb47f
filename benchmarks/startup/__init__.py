"""What a start costs, and what a running stack costs while nothing happens."""
