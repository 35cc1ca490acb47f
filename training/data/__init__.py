"""Turns a pinned version of the lake into rows by dense index, and decides which of them are held out."""
