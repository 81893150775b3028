"""Repairs of a recognised gloss sequence, in numpy: confusion networks, edits, rescoring. Training is in `training`."""
