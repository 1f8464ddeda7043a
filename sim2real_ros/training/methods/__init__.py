"""One paper, one file; and the table of them."""
