"""YOLOX, Nano to X: the network under the official layer names, its loss, its weights and its exports."""
