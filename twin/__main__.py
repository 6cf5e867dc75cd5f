"""`python -m twin up | down | status | demo | demo-vision | issue | kitti | infra | images | rehearsal`: the twin."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from twin import composition, datasets, supervisor
from twin.engine import EngineMissing
from twin.follow import Follower, read_example
from twin.images import command as images
from twin.images.build import BuildFailed
from twin.images.locks import Unlockable
from twin.infra import diagram, prices
from twin.infra.terraform import TerraformFailed, TerraformMissing
from twin.layout import PORTS, PROJECT, Layout, PortTaken, default_home, free_port

_WRONG = (
    PortTaken, datasets.NoKitti, TerraformFailed, TerraformMissing, EngineMissing, BuildFailed, Unlockable,
)  # fmt: skip
"""What a person can mend: shown without a traceback."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m twin", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start the system and leave it running")
    starting.add_argument("--infra", action="store_true", help="on what Terraform makes, not on the twin's own seed")
    commands.add_parser("down", help="stop it; state is kept in .twin")
    commands.add_parser("status", help="say what runs where")
    demo = commands.add_parser("demo", help="start, file the example issues, follow them to their end, stop")
    demo.add_argument("files", nargs="*", type=Path)
    commands.add_parser("demo-vision", help="the same with a detector on rendered road scenes")
    kitti = commands.add_parser("kitti", help="put your own copy of KITTI into the running system")
    kitti.add_argument("folder", type=Path, help="holds training/image_2, training/label_2, ...")
    infra = commands.add_parser("infra", help="apply terraform/ to a twin of its own, look at it, destroy it")
    infra.add_argument("--keep", action="store_true", help="wait for Ctrl-C before it is destroyed")
    infra.add_argument("--diagram", action="store_true", help="only draw and count again what docs/ derives from it")
    images.declare(commands.add_parser("images", help="build the images of docker/, measure them, run their contracts"))
    commands.add_parser("rehearsal", help="lose Airflow's database and the bucket on a system of its own, and recover")
    issue = commands.add_parser("issue", help="file one issue on the running system and follow it")
    issue.add_argument("file", type=Path)
    chosen = parser.parse_args(arguments)
    home = default_home()
    try:
        if chosen.command == "up":
            os.environ.update({"INFRA": "1"} if chosen.infra else {})
            return up(home)
        if chosen.command == "down":
            return down(home)
        if chosen.command == "status":
            return status(home)
        if chosen.command == "issue":
            return follow(home, [chosen.file])
        if chosen.command == "kitti":
            return kitti_upload(home, chosen.folder)
        if chosen.command == "images":
            return images.run(chosen)
        if chosen.command == "infra" and chosen.diagram:
            diagram.PAGE.write_text(diagram.page())
            prices.PAGE.write_text(prices.with_costs(prices.PAGE.read_text()))
            return 0
        if chosen.command == "infra":
            from twin.infra.rehearsal import rehearse  # moto takes seconds to load

            return rehearse(chosen.keep)
        if chosen.command == "rehearsal":
            return rehearsal_run(home / "rehearsal")
        if chosen.command == "demo-vision":
            return demo_run(home, _examples("vision"), datasets.plant_scenes)
        return demo_run(home, chosen.files or _examples("issues"))
    except _WRONG as wrong:
        print(wrong, file=sys.stderr)
        return 1


def _examples(folder: str) -> list[Path]:
    return sorted((PROJECT / "examples" / folder).glob("*.md"))


def running(home: Path) -> Layout | None:
    """The layout of the system that runs in `home`, or None."""
    layout = Layout.load(home)
    return layout if layout and _supervisor_pid(layout) else None


def up(home: Path) -> int:
    if layout := running(home):
        print("It is running already.")
        _print_addresses(layout)
        return 0
    layout = Layout.create(home, dict(os.environ))
    if layout.containers:
        composition.require_images()
    supervisor.clear_away(layout, spare={os.getpid()})
    layout.check_ports()
    (home / "state.json").unlink(missing_ok=True)
    layout.logs.mkdir(parents=True, exist_ok=True)
    if layout.infra:
        from twin.infra.standing import stand

        stand(layout)
    print("Starting the local cloud, the MCP server and Airflow ...", flush=True)
    began = time.monotonic()
    with (layout.logs / "supervisor.log").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "twin.supervisor"], cwd=PROJECT, stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True, env={**os.environ, "TWIN_HOME": str(home)},
        )  # fmt: skip
    try:
        state = _wait_for_start(process, home)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        print("Stopped.")
        return 130
    if state["state"] != "running":
        print(f"It did not start: {state.get('message')}\nLogs: {layout.logs}", file=sys.stderr)
        process.wait()
        return 1
    print(f"Up after {time.monotonic() - began:.0f} s.")
    _print_addresses(layout)
    return 0


def down(home: Path) -> int:
    print("Stopped." if _stop(home) else "Nothing was running.")
    return 0


def _stop(home: Path) -> bool:
    """Stop the system in `home` and all that is left of it; False where nothing ran."""
    layout = Layout.load(home)
    pid = layout and _supervisor_pid(layout)
    if pid:
        os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(supervisor.STOP_LIMIT_S + 20)
    ours = {os.getpid()}
    left = supervisor.clear_away(layout, ours) if layout else supervisor.kill_marked(home, ours)
    return bool(pid or left)


def status(home: Path) -> int:
    layout = running(home)
    if not layout:
        print("Not running. `make up` starts it.")
        return 1
    state = json.loads((home / "state.json").read_text())
    for name, service in state["services"].items():
        alive = service["pid"] and psutil.pid_exists(service["pid"])
        print(f"{name:22} {'running' if alive else 'down':8} pid {service['pid']}, started {service['starts']} time(s)")
    _print_addresses(layout)
    return 0


def follow(home: Path, files: list[Path]) -> int:
    layout = running(home)
    if not layout:
        print("Not running. `make up` starts it.", file=sys.stderr)
        return 1
    try:
        examples = [read_example(file) for file in files]
    except (OSError, ValueError) as unreadable:
        print(f"{unreadable}", file=sys.stderr)
        return 1
    return Follower(layout).carry(examples)


def kitti_upload(home: Path, folder: Path) -> int:
    layout = running(home)
    if not layout:
        print("Not running. `make up` starts it.", file=sys.stderr)
        return 1
    address = datasets.upload_kitti(layout.url("aws"), folder)
    print(
        f"KITTI lies at {address}\nName it in an issue: `dataset: {{name: kitti_object_detection, s3_uri: {address}}}`"
    )
    return 0


def demo_run(home: Path, files: list[Path], plant: Callable[[str], object] | None = None) -> int:
    """`make demo`: what is already running is used and left running. `plant` brings the data that the issues name."""
    was_running = running(home) is not None
    if (started := up(home)) != 0:
        return started
    try:
        layout = running(home)
        if plant and layout:
            plant(layout.url("aws"))
        return follow(home, files)
    except KeyboardInterrupt:
        return 130
    finally:
        if not was_running:
            _stop(home)  # in silence: the last line is the result


def rehearsal_run(home: Path) -> int:
    """`make rehearsal`: a system of its own, on free ports and with nothing in it; 0 where all held."""
    from twin.rehearsal.play import Rehearsal

    shutil.rmtree(home, ignore_errors=True)
    os.environ.update({f"{name.upper()}_PORT": str(free_port()) for name in PORTS})
    if (started := up(home)) != 0:
        return started
    layout = Layout.load(home)
    assert layout is not None
    rehearsal = Rehearsal(layout)
    try:
        rehearsal.play()
    except AssertionError as late:
        rehearsal.report.expect("", "everything came in time", False, late)
    finally:
        page = rehearsal.report.write(home)
        _stop(home)
    print(f"\n{rehearsal.report.text(with_commands=False)}\nWith what was typed and printed: {page}")
    return 0 if rehearsal.report.fine else 1


def _supervisor_pid(layout: Layout) -> int | None:
    try:
        pid = int(layout.pid_file.read_text())
        command = psutil.Process(pid).cmdline()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    # A pid is reused after a reboot: believe it only if it still is our supervisor.
    return pid if "twin.supervisor" in command else None


def _wait_for_start(process: subprocess.Popen, home: Path) -> dict:
    while True:
        ended = process.poll() is not None
        try:
            state = json.loads((home / "state.json").read_text())
        except FileNotFoundError:
            state = {"state": "failed", "message": f"the supervisor ended with status {process.returncode}"}
            if ended:
                return state
        if ended or state["state"] == "running":
            return state
        time.sleep(0.2)


def _print_addresses(layout: Layout) -> None:
    print(
        f"""
  Airflow UI      {layout.url("airflow")}   login admin / {layout.airflow_password}
  GitHub issues   {layout.url("github")}/acme/perception/issues
  Messages        {layout.url("github")}/messages   (Slack, mail, pages)
  MCP server      {layout.url("mcp")}/mcp
  AWS endpoint    {layout.url("aws")}
  For your shell  source {layout.env_file}
"""
    )


if __name__ == "__main__":
    sys.exit(main())
