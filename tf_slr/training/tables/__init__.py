"""The tables of the papers: which runs they need, how these are made, and what came of them."""
