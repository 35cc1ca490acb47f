"""What is stored and read elsewhere: Redis keys and records, lake tables, ledgers, manifests."""
