"""The `headwater` commands about models."""
