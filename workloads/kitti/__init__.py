"""KITTI's object benchmark: reading its files, its geometry, its evaluation, and COCO JSON from it and back."""
