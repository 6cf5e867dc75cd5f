"""One module per capability; each registers its tools and decides nothing."""
