"""How services reach the lake, the models and the checkpoints where those lie in an object store."""
