"""After a fault: checkpoints looked at and repaired, the state rebuilt, rejected events sent again."""
