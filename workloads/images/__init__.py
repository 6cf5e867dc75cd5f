"""Camera images: bytes to pixels and back, the network's letterbox, boxes drawn."""
