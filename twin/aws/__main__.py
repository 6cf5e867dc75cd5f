"""`python -m twin.aws --port 5000 --state DIR`"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from twin import lines
from twin.aws.listener import PortTaken
from twin.aws.server import StateInUse, start


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m twin.aws", description="The AWS half of the local twin.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one")
    parser.add_argument("--state", default=".twin/aws", help="folder that survives restarts")
    chosen = parser.parse_args()
    lines.configure()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    try:
        server = start(chosen.host, chosen.port, chosen.state)
    except (PortTaken, StateInUse) as taken:
        print(taken, file=sys.stderr)
        return 1
    print(server.url, flush=True)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    done.wait()
    server.stop()
    return 0


sys.exit(main())
