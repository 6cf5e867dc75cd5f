"""A synthetic data set in KITTI's layout: rendered road scenes with boxes, ray-cast points and calibration.

One geometry serves all: the camera's picture, the scanner's points and the labels are taken from the same triangles,
so that they agree with each other. Nothing in it was photographed; the product is CC0-1.0.

    rig            where the camera and the scanner sit (the calibration file)
    meshes         triangles and how to make them; vehicles, people, surroundings: the things of a street
    layout         one random street: the road, who is on it, what stands beside it, the light
    ground         what lies under a point of the ground plane
    raster         the depth buffer; picture: colours, shadows, sky
    scanner        64 beams against the same triangles and the ground
    labels         KITTI's rows out of what is visible
    dataset        the folder
"""
