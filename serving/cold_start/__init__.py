"""Strategies for users the model does not know, and for lists the model cannot fill."""
