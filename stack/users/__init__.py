"""`headwater users`: what is stored about a user."""
