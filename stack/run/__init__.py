"""Starting, watching and stopping a run."""
