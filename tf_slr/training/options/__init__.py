"""What recipes say of training, read without TensorFlow."""
