"""The camera's picture of a scene: faces, ground, shadows, sky, and what the camera adds."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from workloads.scenes.ground import Road, grain, ground_at
from workloads.scenes.light import Light
from workloads.scenes.raster import buffers, rasterise, sampled
from workloads.scenes.rig import CAMERA_HEIGHT_M

SAMPLES = 2
"""Samples a pixel and side; their mean smooths the edges."""


def see(triangles_camera: np.ndarray, projection: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(inverse_depth float32, front int32), each (h * SAMPLES, w * SAMPLES): the triangle seen at every sample."""
    inverse_depth, front = buffers(height * SAMPLES, width * SAMPLES)
    rasterise(triangles_camera, sampled(projection, SAMPLES), inverse_depth, front)
    return inverse_depth, front


def picture(seen: tuple[np.ndarray, np.ndarray], colours: np.ndarray, triangles_camera: np.ndarray,
            projection: np.ndarray, road: Road, light: Light, rng: np.random.Generator) -> np.ndarray:  # fmt: skip
    """(h, w, 3) uint8 BGR.

    Args:
        seen: what `see` gave.
        colours: (n, 3) float32 BGR, each triangle's shade.
        triangles_camera: (n, 3, 3) metres; they also throw the shadows.
        projection: (3, 4) of the image.
        rng: for the noise of the sensor.
    """
    inverse_depth, front = seen
    fine = sampled(projection, SAMPLES)
    sky = light.sky
    shadows = _shadow(triangles_camera, -np.array(sky.sun), fine, front.shape)
    below = _shadow(triangles_camera[triangles_camera[..., 1].max(axis=1) > CAMERA_HEIGHT_M - 0.8],
                    np.array([0.0, 1.0, 0.0]), fine, front.shape)  # fmt: skip
    back = np.linalg.inv(fine[:, :3])
    image = np.empty((*front.shape, 3), np.float32)
    _paint(inverse_depth, front, colours, shadows, _soft(below), back, -back @ fine[:, 3], road, sky, image)
    height, width = front.shape[0] // SAMPLES, front.shape[1] // SAMPLES
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return _expose(image, light, rng)


def _shadow(
    triangles_camera: np.ndarray, ray: np.ndarray, projection: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """(h, w) bool: samples whose ground point lies in the shadow of a triangle for light that runs along `ray`."""
    inverse_depth, front = buffers(*shape)
    fall = (CAMERA_HEIGHT_M - triangles_camera[..., 1:2]) / ray[1]
    rasterise(triangles_camera + fall * ray, projection, inverse_depth, front)
    return front >= 0


def _soft(mask: np.ndarray) -> np.ndarray:
    """(h, w) float32 0..1: the dark below a thing has no sharp edge."""
    return cv2.blur(mask.astype(np.float32), (7, 5))


@njit(cache=True)
def _paint(inverse_depth, front, colours, shadows, below, back, eye, road, sky, image) -> None:  # type: ignore[no-untyped-def]
    """Fill `image` (h, w, 3) sample by sample; `back` (3, 3) turns (u, v, 1) into a ray from `eye` (camera frame)."""
    height, width = front.shape
    lit = sky.ambient + sky.sun_strength * -sky.sun[1]
    for v in range(height):
        for u in range(width):
            ray_x = back[0, 0] * u + back[0, 1] * v + back[0, 2]
            ray_y = back[1, 0] * u + back[1, 1] * v + back[1, 2]
            ray_z = back[2, 0] * u + back[2, 1] * v + back[2, 2]
            if front[v, u] >= 0:
                far = 1.0 / inverse_depth[v, u]
                blue, green, red = colours[front[v, u], 0], colours[front[v, u], 1], colours[front[v, u], 2]
            elif ray_y > 1e-4:
                steps = (CAMERA_HEIGHT_M - eye[1]) / ray_y
                far = steps * ray_z
                blue, green, red, _ = ground_at(eye[0] + steps * ray_x, eye[2] + far, road)
                power = (sky.ambient if shadows[v, u] else lit) * (1.0 - 0.55 * below[v, u])
                blue, green, red = blue * power * sky.tint[0], green * power * sky.tint[1], red * power * sky.tint[2]
            else:
                image[v, u, 0], image[v, u, 1], image[v, u, 2] = _sky_at(ray_x, ray_y, ray_z, sky)
                continue
            clear = max(0.25, np.exp(-far / sky.haze_m))
            image[v, u, 0] = blue * clear + sky.low[0] * (1 - clear)
            image[v, u, 1] = green * clear + sky.low[1] * (1 - clear)
            image[v, u, 2] = red * clear + sky.low[2] * (1 - clear)


@njit(cache=True)
def _sky_at(x, y, z, sky):  # type: ignore[no-untyped-def]
    """(blue, green, red) towards a ray: a gradient, clouds, the sun's glow, and hills on the horizon."""
    size = np.sqrt(x * x + y * y + z * z)
    rise, turn = -y / size, np.arctan2(x, z)
    hills = 0.012 + 0.03 * grain(turn * 4.0 + sky.phase, 0.5) + 0.008 * grain(turn * 17.0 + sky.phase, 2.5)
    if rise < hills:
        return 0.7 * sky.low[0] + 0.08, 0.7 * sky.low[1] + 0.08, 0.7 * sky.low[2] + 0.04
    up = min(1.0, rise / 0.45) ** 0.7
    plane_x, plane_z = x / max(-y, 0.02 * size), z / max(-y, 0.02 * size)
    cover = 0.0
    for octave in range(4):
        cell = 0.35 * 2.0**octave
        cover += grain(plane_x * cell + sky.phase, plane_z * cell + 7.0 * octave) / 2.0 ** (octave + 1)
    cloud = min(1.0, max(0.0, (cover - 0.42) * 4.0)) * sky.clouds * min(1.0, rise * 12.0) * 2.0
    cloud = min(0.85, cloud)
    glow = 0.35 * max(0.0, (x * sky.sun[0] + y * sky.sun[1] + z * sky.sun[2]) / size) ** 24 * sky.sun_strength
    white = 0.75 + 0.2 * sky.ambient
    return (
        min(1.2, (sky.low[0] * (1 - up) + sky.high[0] * up) * (1 - cloud) + white * cloud * sky.tint[0] + glow),
        min(1.2, (sky.low[1] * (1 - up) + sky.high[1] * up) * (1 - cloud) + white * cloud * sky.tint[1] + glow),
        min(1.2, (sky.low[2] * (1 - up) + sky.high[2] * up) * (1 - cloud) + white * cloud * sky.tint[2] + glow),
    )


def _expose(image: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Lens and sensor: blur, gain, contrast about the middle, noise, eight bits."""
    if light.blur_px > 0:
        image = cv2.GaussianBlur(image, (0, 0), light.blur_px)
    image = (image * light.gain - 0.5) * light.contrast + 0.5
    image = image + rng.standard_normal(image.shape, np.float32) * np.float32(light.noise)
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
