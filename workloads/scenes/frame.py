"""One frame of the data set: a picture, a scan, labels and calibration of one street."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.scenes.labels import rows
from workloads.scenes.layout import scene_of
from workloads.scenes.light import shade
from workloads.scenes.meshes import join, stand
from workloads.scenes.picture import picture, see
from workloads.scenes.rig import rig_of
from workloads.scenes.scanner import STEPS, scan


@dataclass(frozen=True)
class Frame:
    """`image` (h, w, 3) uint8 BGR; `points_lidar` (n, 4) float32; `labels` and `calibration` are the files' text."""

    image: np.ndarray
    points_lidar: np.ndarray
    labels: str
    calibration: str
    light: str


def render(seed: int, number: int, height: int, width: int, *, steps: int = STEPS, light: str | None = None) -> Frame:
    """Frame `number` of the data set `seed`; it does not depend on how many frames there are.

    Args:
        steps: the scanner's shots a beam and turn.
        light: a key of `light.DAYS` for all frames; without it each frame draws one.
    """
    rng = np.random.default_rng([seed, number])
    scene = scene_of(rng, light)
    rig = rig_of(height, width)
    projection, lidar_to_camera = rig.calibration.projection, rig.calibration.lidar_to_camera
    faces = [stand(thing.mesh, thing.box_camera) for thing in scene.things]
    meshes = [thing.mesh for thing in scene.things] + [mesh for mesh, _ in scene.scenery]
    everything = faces + [stand(mesh, place) for mesh, place in scene.scenery]
    triangles, surfaces = np.concatenate(everything), join(meshes)
    colours = shade(triangles, surfaces, scene.light.sky)
    owner_of = np.full(len(triangles) + 1, -1, np.int32)  # the last stands for "no triangle"
    owner_of[: sum(map(len, faces))] = np.repeat(np.arange(len(faces)), list(map(len, faces)))
    seen = see(triangles, projection, height, width)
    lines = rows(scene.things, faces, owner_of[seen[1]], projection, height, width)
    return Frame(
        picture(seen, colours, triangles, projection, scene.road, scene.light, rng),
        scan(triangles, surfaces.reflectance, lidar_to_camera, scene.road, rng, steps),
        "".join(line + "\n" for line in lines),
        rig.text(),
        scene.light.name,
    )
