"""What people run: recognising files, live captions, recording and teaching signs, the report."""
