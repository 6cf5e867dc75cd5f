"""Object detection in images: judging it."""
