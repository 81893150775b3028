"""Recognition before a camera: frames are tracked in threads of their own, words come while somebody signs."""
