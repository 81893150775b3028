"""What is signed: corpora on disk, and the ways to make them."""
