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
look away, faces below about 12 pixels and plates seen at a slant. Measure on marked frames of your own
(`python -m workloads.privacy recall`), and let a person look before frames leave the house.
"""
