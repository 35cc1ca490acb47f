"""How a `headwater` command is called: which stack it means, which servers it needs, failures in words."""
