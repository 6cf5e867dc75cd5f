"""`python -m twin.receivers`: the receivers alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from twin.listen import PortTaken, run
from twin.receivers import mail
from twin.receivers.app import create


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m twin.receivers", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8083, help="Slack, PagerDuty and the pages; 0 takes a free one")
    parser.add_argument("--smtp-port", type=int, default=8025, help="mail; 0 takes a free one")
    parser.add_argument("--state", type=Path, default=Path(".twin/messages"), help="folder of the inbox")
    given = parser.parse_args(arguments)
    app = create(given.state)
    post = None
    try:
        post = mail.start(given.host, given.smtp_port, app.store)
        run(app, given.host, given.port, f"Messages on {{url}}/messages, mail to {given.host}:{post.port}")
    except PortTaken as taken:
        print(taken, file=sys.stderr)
        return 1
    finally:
        if post:
            post.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
