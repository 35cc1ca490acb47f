"""How a `headwater` command is called: failures in words, a check of its servers before it starts Spark."""
