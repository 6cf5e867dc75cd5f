"""One street at random: its road, the traffic, the people, the houses and trees, the light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workloads.scenes.footprints import footprint, overlap
from workloads.scenes.ground import Road
from workloads.scenes.light import Light, light_of
from workloads.scenes.meshes import Mesh, colour, fit
from workloads.scenes.people import PEDALS, POSES, cyclist, pedestrian
from workloads.scenes.rig import CAMERA_HEIGHT_M
from workloads.scenes.surroundings import HOUSES, TREES, hedge, house, lamp, sign, tree
from workloads.scenes.vehicles import BODIES, vehicle

COATS = ["#b9bcc0", "#e4e5e3", "#2b2d31", "#5b6168", "#8c1c1f", "#1d3c78", "#2f5d8a", "#6f7d5c", "#c8b48a", "#a33b20",
         "#f0f0ee", "#454b52", "#2e5a4b"]  # fmt: skip
JACKETS = ["#a8322d", "#2d4f86", "#d8d3c8", "#3c3c40", "#d49a2a", "#547a54", "#7b4b7d", "#20313f", "#bf6c4c", "#e8e2d2"]
TROUSERS = ["#23283a", "#3b3a38", "#5a4e3f", "#6f7785", "#17181b", "#48566e"]
SKINS = ["#e2b596", "#c58e6c", "#8a5a3c", "#f0c8a8"]
WALLS = ["#cdbb9d", "#b9a58a", "#d9d2c3", "#a8766a", "#c2b4a3", "#b7bcb8", "#d8c18f", "#9a6a58"]
ROOFS = ["#7a4034", "#5b4a45", "#6b3d33", "#49494d"]
LEAVES = ["#4d7a38", "#5d8a3c", "#3d6a38", "#71893d", "#2f5a35"]
SIZES = {"van": (4.9, 2.05, 1.95), "Pedestrian": (0.8, 1.75, 0.62), "Cyclist": (1.76, 1.75, 0.6)}
"""Length, height, width before each one's own few percent; a car's are its body's."""
MARGIN_M = 0.03
"""A thing stays that far inside its box, twice the scanner's noise: its points lie in the box."""
BEHIND_M, AHEAD_M = -45.0, 42.0
EGO = np.array([1.6, 2.4, 5.4, 0.0, CAMERA_HEIGHT_M, -0.6, -np.pi / 2])
"""The box nobody may stand in: the car that carries the camera, and some room ahead."""


@dataclass(frozen=True)
class Thing:
    """One labelled object. `box_camera` (7,): h, w, l, x, y, z, rotation_y with two decimals, exactly as its label."""

    kind: str
    box_camera: np.ndarray
    mesh: Mesh


@dataclass
class Scene:
    road: Road
    light: Light
    things: list[Thing] = field(default_factory=list)
    scenery: list[tuple[Mesh, np.ndarray]] = field(default_factory=list)
    """Meshes in metres with the (7,) place they stand at (its sizes mean nothing)."""
    outlines: list[np.ndarray] = field(default_factory=lambda: [footprint(EGO)])

    def add(self, kind: str, mesh: Mesh, size: tuple[float, float, float], x: float, z: float, turn: float) -> bool:
        """Place a thing of length, height, width where nothing else stands; False where there is no room."""
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
        box = np.round([size[1], size[2], size[0], x, CAMERA_HEIGHT_M, z, turn], 2)
        outline = footprint(box)
        if any(overlap(outline, other) for other in self.outlines):
            return False
        self.outlines.append(outline)
        self.things.append(Thing(kind, box, fit(mesh, (box[2], box[0], box[1]), MARGIN_M)))
        return True


def scene_of(rng: np.random.Generator, light: str | None = None) -> Scene:
    """A street at random; the same generator state gives the same street."""
    road = _road(rng)
    scene = Scene(road, light_of(rng, light))
    busy = rng.uniform(0.4, 0.9)
    _moving_traffic(scene, rng, busy)
    if road.parking:
        _parked(scene, rng, rng.uniform(0.25, 0.7))
    if road.crossing:
        _cross_traffic(scene, rng)
    _people(scene, rng)
    _surroundings(scene, rng)
    return scene


def _road(rng: np.random.Generator) -> Road:
    kind = rng.choice(["street", "avenue", "country"], p=[0.55, 0.25, 0.2])
    lane, lanes = rng.uniform(3.1, 3.6), 2 if kind == "avenue" else 1
    parking = rng.uniform(2.2, 2.5) if kind != "country" and rng.random() < 0.75 else 0.0
    half = lane * lanes + parking
    own = (int(rng.integers(lanes)) + 0.5) * lane
    crossing = rng.uniform(14, 28) if kind != "country" and rng.random() < 0.35 else 0.0
    return Road(float(-own + rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.03, 0.03)),
                float(rng.uniform(-0.004, 0.004)), float(half), float(parking), lanes,
                0.0 if kind == "country" else float(rng.uniform(2.2, 3.6)), float(crossing),
                float(rng.uniform(3.4, 4.6)), float(rng.uniform(0, 1000)))  # fmt: skip


def _car(scene: Scene, rng: np.random.Generator, x: float, z: float, turn: float, vans: float = 0.08) -> bool:
    body = "van" if rng.random() < vans else list(BODIES)[int(rng.integers(len(BODIES)))]
    length, height, width = SIZES["van"] if body == "van" else BODIES[body].size
    size = (length * rng.uniform(0.94, 1.07), height * rng.uniform(0.96, 1.05), width * rng.uniform(0.97, 1.04))
    coat = colour(COATS[int(rng.integers(len(COATS)))]) * rng.uniform(0.85, 1.05)
    return scene.add("Van" if body == "van" else "Car", vehicle(body).painted(coat), size, x, z, turn)


def _moving_traffic(scene: Scene, rng: np.random.Generator, busy: float) -> None:
    """Cars in their lanes, on the right-hand side."""
    road = scene.road
    for side in (1, -1):
        for lane in range(road.lanes):
            z = BEHIND_M + rng.uniform(0, 15)
            if side > 0 and abs(road.offset + (lane + 0.5) * road.lane_width) < 1:
                z = rng.uniform(6.5, 20)  # the camera's own lane: somebody drives ahead
            while z < AHEAD_M:
                x = road.centre(z) + side * (lane + 0.5) * road.lane_width + rng.uniform(-0.25, 0.25)
                turn = road.heading(z) + (0 if side > 0 else np.pi) + rng.normal(0, 0.02)
                if rng.random() < busy:
                    _car(scene, rng, x, z, turn)
                z += rng.uniform(8, 24)


def _parked(scene: Scene, rng: np.random.Generator, share: float) -> None:
    road = scene.road
    for side in (1, -1):
        z = BEHIND_M + rng.uniform(0, 6)
        while z < AHEAD_M:
            x = road.centre(z) + side * (road.half - road.parking / 2 - 0.05) + rng.uniform(-0.12, 0.12)
            away = side > 0 or rng.random() < 0.2
            turn = road.heading(z) + (0 if away else np.pi) + rng.normal(0, 0.03)
            if rng.random() < share and _clear_of_crossing(road, z, 7.0):
                _car(scene, rng, x, z, turn, vans=0.12)
            z += rng.uniform(5.4, 6.6)


def _cross_traffic(scene: Scene, rng: np.random.Generator) -> None:
    """Cars that come from the side: seen in full length."""
    road = scene.road
    for lane, turn in ((-0.5, 0.0), (0.5, np.pi)):
        for x in rng.uniform(-22, 22, int(rng.integers(0, 4))):
            _car(scene, rng, x, road.crossing + lane * road.crossing_half, turn + rng.normal(0, 0.04))


def _people(scene: Scene, rng: np.random.Generator) -> None:
    road = scene.road
    for _ in range(int(rng.integers(2, 8) * (1 if road.pavement else 0.4))):
        z, side = rng.uniform(5, 18), int(rng.choice([-1, 1]))
        aside = road.half + 0.5 + rng.uniform(0, max(road.pavement - 0.8, 0.4))
        turn = road.heading(z) + (0 if rng.random() < 0.5 else np.pi) + rng.normal(0, 0.35)
        if road.pavement and rng.random() < 0.12:  # about to cross, or crossing
            aside, turn = rng.uniform(0, road.half), turn + np.pi / 2
        if _clear_of_crossing(road, z, 0.5):
            _pedestrian(scene, rng, road.centre(z) + side * aside, z, turn)
    if road.crossing:
        z = road.crossing - road.crossing_half - 2.0
        for x in road.centre(z) + rng.uniform(-road.half, road.half, int(rng.integers(0, 4))):
            _pedestrian(scene, rng, x, z + rng.uniform(-0.9, 0.9), float(rng.choice([0, np.pi])) + rng.normal(0, 0.2))
    for _ in range(int(rng.integers(0, 4))):
        z, side = rng.uniform(5.5, 17), 1 if rng.random() < 0.7 else -1
        x = road.centre(z) + side * (road.half - road.parking - 0.6)
        _cyclist(scene, rng, x, z, road.heading(z) + (0 if side > 0 else np.pi) + rng.normal(0, 0.06))
    if road.crossing and rng.random() < 0.4:
        x, lane = rng.uniform(-12, 12), int(rng.choice([-1, 1]))
        _cyclist(scene, rng, x, road.crossing + lane * 0.75 * road.crossing_half, 0.0 if lane < 0 else np.pi)


def _pedestrian(scene: Scene, rng: np.random.Generator, x: float, z: float, turn: float) -> None:
    pose, tall = int(rng.integers(POSES)), rng.uniform(0.9, 1.07)
    _, height, width = SIZES["Pedestrian"]
    length = (max(0.5, 2 * (0.06 + 0.07 * pose) + 0.25)) * tall
    mesh = pedestrian(pose).painted(_pick(rng, JACKETS), _pick(rng, TROUSERS), _pick(rng, SKINS))
    scene.add("Pedestrian", mesh, (length, height * tall, width * tall), x, z, turn)


def _cyclist(scene: Scene, rng: np.random.Generator, x: float, z: float, turn: float) -> None:
    mesh = cyclist(int(rng.integers(PEDALS))).painted(_pick(rng, JACKETS), _pick(rng, TROUSERS), _pick(rng, SKINS))
    length, height, width = (part * rng.uniform(0.96, 1.05) for part in SIZES["Cyclist"])
    scene.add("Cyclist", mesh, (length, height, width), x, z, turn)


def _surroundings(scene: Scene, rng: np.random.Generator) -> None:
    """Houses or fields on each side, with trees, hedges, lamps and a sign."""
    road = scene.road
    for side in (1, -1):
        built = road.pavement > 0 and rng.random() < 0.8
        edge = road.half + 0.2 + road.pavement
        z = BEHIND_M + rng.uniform(0, 8)
        while z < AHEAD_M + 70:
            if built and rng.random() < 0.82:
                mesh = house(int(rng.integers(HOUSES)))
                reach = float(np.ptp(mesh.triangles[..., 0])) / 2
                z += reach
                mesh = mesh.painted(_pick(rng, WALLS), _pick(rng, ROOFS))
                _beside(scene, mesh, z, side, edge + rng.uniform(0.4, 3.5), reach)
                z += reach + rng.choice([0.05, rng.uniform(1, 5)])
            else:
                _beside(scene, _tree(rng), z, side, edge + rng.uniform(2.4, 11), 2.0, rng.uniform(0, 6))
                if rng.random() < 0.25:
                    _beside(scene, hedge().painted(_pick(rng, LEAVES)), z, side, edge + 1.0, 3.2)
                z += rng.uniform(3.5, 11)
        if not built:  # a second row closes the view
            for far in np.arange(BEHIND_M, AHEAD_M + 75, 9.0):
                _beside(scene, _tree(rng), far + rng.uniform(-3, 3), side, edge + rng.uniform(14, 30), 2.0)
        planted = rng.random() < 0.45
        for z in np.arange(BEHIND_M + rng.uniform(0, 20), AHEAD_M + 65, 21.0):
            if road.pavement:
                _beside(scene, lamp(), z, side, road.half + 0.45, 0.5)
                if planted:
                    _beside(scene, _tree(rng), z + 9.0, side, edge - 0.6, 1.0)
    z = rng.uniform(9, 40)
    if _clear_of_crossing(road, z, 1.0):
        place = [0, 0, 0, road.centre(z) + road.half + 0.6, CAMERA_HEIGHT_M, z, road.heading(z)]
        scene.scenery.append((sign(), np.array(place)))


def _beside(scene: Scene, mesh: Mesh, z: float, side: int, aside: float, room: float, turn: float = 0.0) -> None:
    """Stand scenery `aside` metres from the road's centre, its front (local -z) to the road."""
    if not _clear_of_crossing(scene.road, z, room + 0.8):
        return
    x = scene.road.centre(z) + side * aside
    facing = scene.road.heading(z) + (np.pi if side > 0 else 0.0)
    scene.scenery.append((mesh, np.array([0, 0, 0, x, CAMERA_HEIGHT_M, z, facing + turn])))


def _tree(rng: np.random.Generator) -> Mesh:
    return tree(int(rng.integers(TREES))).painted(_pick(rng, LEAVES) * rng.uniform(0.8, 1.1))


def _clear_of_crossing(road: Road, z: float, room: float) -> bool:
    return not road.crossing or abs(z - road.crossing) > road.crossing_half + room


def _pick(rng: np.random.Generator, codes: list[str]) -> np.ndarray:
    return colour(codes[int(rng.integers(len(codes)))])
