"""The lake query: accepted rows to Delta, rejected ones to their topic; the tables' upkeep."""
