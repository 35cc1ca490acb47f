"""`headwater users`: shows what is stored about a user."""
