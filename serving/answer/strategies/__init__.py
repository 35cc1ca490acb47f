"""Where recommended items come from: one strategy a file, asked in the order of ``chain``."""
