"""Training the corrector: sentences made wrong on purpose or by a recogniser, and how to mend them."""
