"""From a pinned version of the lake to rows by dense index, and what is held out of them."""
