"""What is made for readers and installers: the documentation site, the distributions, the pictures."""
