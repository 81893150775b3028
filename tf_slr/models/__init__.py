"""Layers and shapes. Every recogniser returns its logits and its named features."""
