"""Word error rates as the field reports them: the corpora's clean-up, NIST sclite's alignment, the score sheet."""
