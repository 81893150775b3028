"""TFLite files: checked field by field before LiteRT gets them, then opened."""
