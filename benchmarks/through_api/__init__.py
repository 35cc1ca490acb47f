"""What a whole stack serves, asked through its API, beside simple rivals."""
