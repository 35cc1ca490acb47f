"""`headwater verify`: the invariants of a pipeline that loses nothing."""
