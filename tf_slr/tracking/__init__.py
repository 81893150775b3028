"""Pictures become landmarks: MediaPipe Holistic, one process a core or a cluster, resumable."""
