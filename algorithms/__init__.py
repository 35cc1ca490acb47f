"""The mathematics the services share: numpy only, no input or output."""
