"""The mathematics that the services share: numpy only, no input or output."""
