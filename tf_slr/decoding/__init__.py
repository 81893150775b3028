"""From logits to glosses: pure functions on numpy arrays. None takes a reference."""
