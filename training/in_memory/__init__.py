"""A round in one process, where the data fits the trainer's memory: the figures of the distributed path."""
