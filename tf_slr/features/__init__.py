"""What a network sees: augmented, normalised, batched clips."""
