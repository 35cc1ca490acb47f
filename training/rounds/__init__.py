"""One round from the lake to the pointer, and the trainer that runs rounds."""
