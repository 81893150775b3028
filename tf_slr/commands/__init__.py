"""The commands of `tf-slr`, one module for each group; `add` puts a group into the parser."""
