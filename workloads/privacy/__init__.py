"""Faces and number plates: found, masked beyond repair, and the share that is found measured (NFR-023).

    cascades    OpenCV's Haar cascades over scales, contrasts and mirrored images
    faces       frontal and profile faces
    plates      number plates
    masking     the fill that holds nothing of what it covers; `mask_frame` for whole frames
    recall      how many marked faces and plates are found, and how much else is masked

The cascade files ship in the opencv-python-headless wheel (`cv2.data.haarcascades`); nothing is copied. The wheel is
Apache-2.0; the face files carry the Intel License Agreement for Open Source Computer Vision Library in their heads
(BSD-like: redistribution with the notice), the plate files no notice of their own.

What these detectors are: old, small, and the best that comes without weights of unclear origin. They miss people who
look away, faces below about 12 pixels and plates seen at a slant. Measured, on the frames the settings were chosen on
(so expect less elsewhere): the one marked face of `shared/data/faces` is found, with 6 % of that image masked
needlessly; all 4 marked plates of `shared/data/kitti_raw_seq`, with 4 %. Together with marks of our own on 18 more
KITTI frames (30 of the plates are the same four in neighbouring frames) 3 of 4 faces and 31 of 35 plates (missed: one
face of 11 pixels, plates of 30 x 8 and 24 x 7), with 4 and 5 % of the area masked needlessly. Measure on marked frames
of your own (`python -m workloads.privacy recall`), and let a person look before frames leave the house.
"""
