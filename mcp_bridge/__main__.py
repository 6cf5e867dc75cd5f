"""`python -m mcp_bridge`: serve the bridge, mint tokens, keep what is derived from the tools."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from mcp_bridge.agents import GRANTS, OPERATOR


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    return options.act(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mcp_bridge", description="The lifecycle's MCP server.", allow_abbrev=False
    )
    parser.add_argument("--stdio", action="store_true", help="speak MCP over stdin and stdout instead of HTTP")
    parser.add_argument(
        "--agent", choices=tuple(GRANTS), default=OPERATOR, metavar="AGENT", help="who calls over stdio (operator)"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8082)
    parser.add_argument(
        "--allow-host", action="append", default=_listed("MCP_ALLOWED_HOSTS"), metavar="HOST",
        help="another accepted Host header, e.g. mcp.internal:* (also MCP_ALLOWED_HOSTS, by commas)",
    )  # fmt: skip
    parser.add_argument(
        "--allow-origin", action="append", default=_listed("MCP_ALLOWED_ORIGINS"), metavar="ORIGIN",
        help="another accepted Origin header (also MCP_ALLOWED_ORIGINS, by commas)",
    )  # fmt: skip
    parser.set_defaults(act=_serve)
    commands = parser.add_subparsers(title="commands", metavar="")
    token = commands.add_parser("token", help="print a bearer token")
    token.add_argument("agent", nargs="?", help="an agent, or operator")
    token.add_argument("--all", action="store_true", help="print one for each agent, as JSON")
    token.add_argument("--days", type=float, default=30.0)
    token.set_defaults(act=_token)
    schemas = commands.add_parser("schemas", help="write the schema snapshots of all tools")
    schemas.add_argument("--check", action="store_true", help="write nothing; exit 1 where they differ")
    schemas.set_defaults(act=_schemas)
    docs = commands.add_parser("docs", help="print the reference page, docs/mcp.md")
    docs.set_defaults(act=_docs)
    return parser


def _serve(options: argparse.Namespace) -> int:
    from mcp_bridge import logs
    from mcp_bridge.server import build
    from mlops.services import Services
    from mlops.telemetry import tracing

    logs.configure(os.environ.get("MCP_LOG_LEVEL", "INFO"))
    services = Services.from_environment()
    tracing.start("mcp", services.settings.traces_url)
    try:
        if options.stdio:
            build(services, agent=options.agent).run("stdio")
            return 0
        return _serve_http(options, services)
    finally:
        tracing.flush()


def _serve_http(options: argparse.Namespace, services) -> int:
    import uvicorn

    from mcp_bridge import web
    from mcp_bridge.server import build

    app = web.application(
        build(services), services,
        hosts=(*web.LOOPBACK_HOSTS, *options.allow_host), origins=(*web.LOOPBACK_ORIGINS, *options.allow_origin),
    )  # fmt: skip
    server = uvicorn.Server(
        uvicorn.Config(
            app, host=options.host, port=options.port, log_config=None, access_log=False,
            timeout_graceful_shutdown=5,
        )
    )  # fmt: skip
    server.run()
    return 0 if server.started else 1


def _token(options: argparse.Namespace) -> int:
    from mcp_bridge.auth import mint
    from mcp_bridge.web import signing_keys
    from mlops.services import Services

    if not options.all and options.agent not in GRANTS:
        print(f"Unknown agent {options.agent!r}; choose one of: {', '.join(GRANTS)}.", file=sys.stderr)
        return 2
    key = signing_keys(Services.from_environment())[0]
    if options.all:
        print(json.dumps({agent: mint(agent, key, days=options.days) for agent in GRANTS}))
    else:
        print(mint(options.agent, key, days=options.days))
    return 0


def _schemas(options: argparse.Namespace) -> int:
    from mcp_bridge import snapshots

    if not options.check:
        snapshots.write()
        return 0
    different = snapshots.differences()
    for name in different:
        print(f"{name} differs; run `python -m mcp_bridge schemas` and review the change.", file=sys.stderr)
    return 1 if different else 0


def _docs(_: argparse.Namespace) -> int:
    from mcp_bridge.reference import reference_page

    sys.stdout.write(reference_page())
    return 0


def _listed(variable: str) -> list[str]:
    return [part.strip() for part in os.environ.get(variable, "").split(",") if part.strip()]


if __name__ == "__main__":
    sys.exit(main())
