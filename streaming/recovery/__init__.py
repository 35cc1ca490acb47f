"""After a fault: checks and repairs checkpoints, rebuilds the state, sends rejected events again."""
