"""What everything rests on: landmarks, glosses, time, files, errors. numpy and the standard library alone."""
