"""Headlines: RSS and Atom feeds, and the items in them."""
