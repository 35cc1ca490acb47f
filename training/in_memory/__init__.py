"""A round in one process, where the data fits the trainer's memory; with the figures of the executors."""
