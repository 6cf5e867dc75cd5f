"""What the deployment costs while nothing runs: how many of each thing `terraform/` makes, times its list price."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twin.layout import PROJECT

PAGE = PROJECT / "docs" / "architecture.md"
BEGIN, END = "<!-- costs: written by `python -m twin infra --diagram` -->", "<!-- end of costs -->"
HOURS = 730
REGIONS = ("us-east-1", "eu-central-1")
ENVIRONMENTS = ("dev", "prod")
_KNOWN = "November 2026"


@dataclass(frozen=True)
class Stack:
    """One environment, as far as its fixed price depends on it; all of it is read from Terraform's files."""

    zones: int
    protect: bool
    airflow: str
    files: dict[str, str]
    """Text of each file of the module, by its name without `.tf`."""

    def listed(self, file: str, name: str) -> int:
        """How many words stand in a list of the file's locals."""
        found = re.search(rf"\b{name}\s*=\s*(?:toset\()?\[(.*?)\]", self.files[file], re.DOTALL)
        assert found, f"{name} in {file}.tf"
        return len(re.findall(r'"[^"]+"', found[1]))

    def keys(self, file: str, name: str) -> int:
        """How many entries a map of the file's locals has."""
        found = re.search(rf"^  {name}\s*=\s*\{{\n(.*?)^  \}}", self.files[file], re.DOTALL | re.MULTILINE)
        assert found, f"{name} in {file}.tf"
        return len(re.findall(r'^    "?[\w-]+"?\s*=', found[1], re.MULTILINE))

    def made(self, file: str, kind: str) -> int:
        return len(re.findall(rf'^resource "{kind}"', self.files[file], re.MULTILINE))

    def number(self, file: str, name: str) -> int:
        found = re.search(rf"^\s*{name}\s*=\s*(\d+)", self.files[file], re.MULTILINE)
        assert found, f"{name} in {file}.tf"
        return int(found[1])

    @property
    def tasks(self) -> int:
        return self.number("mcp", "desired_count")

    @property
    def gateways(self) -> int:
        """network.tf: one way out in each zone, or one for all of them."""
        return self.zones if self.protect else 1

    @property
    def alarms(self) -> int:
        return (
            self.keys("alarms", "alarms") + self.made("alarms", "aws_cloudwatch_metric_alarm") - 2 + self.log_alarms
        )  # two of the resources are repeated: over the map, and over the log filters

    @property
    def log_alarms(self) -> int:
        found = re.search(r'"errors" \{\n  for_each = \{ for key in \[(.*?)\]', self.files["logs"])
        assert found, "the filters of errors in logs.tf"
        return len(re.findall(r'"[a-z-]+"', found[1]))


@dataclass(frozen=True)
class Price:
    """One thing that costs while nothing runs. Prices in USD, us-east-1 and eu-central-1."""

    what: str
    quantity: Callable[[Stack], float]
    unit: str
    each: tuple[float, float]
    hourly: bool = True

    def monthly(self, stack: Stack, region: int) -> float:
        return self.quantity(stack) * self.each[region] * (HOURS if self.hourly else 1)


AIRFLOW = {"mw1.micro": 0.17, "mw1.small": 0.49, "mw1.medium": 0.74, "mw1.large": 0.99}
"""An environment an hour, with two schedulers, web server and one worker; taken to be the same in both regions."""


def prices(airflow: str) -> tuple[Price, ...]:
    environment = AIRFLOW[airflow]
    return (
        Price(f"MWAA environment `{airflow}`", lambda s: 1, "environment hour", (environment, environment)),
        Price(
            "interface endpoints, one a service and zone", lambda s: s.listed("network", "endpoints") * s.zones,
            "endpoint hour", (0.010, 0.012),
        ),
        Price("NAT gateways", lambda s: s.gateways, "gateway hour", (0.045, 0.052)),
        Price("public addresses of these", lambda s: s.gateways, "address hour", (0.005, 0.005)),
        Price(
            "MCP server: vCPU of its Fargate tasks", lambda s: s.tasks * s.number("mcp", "cpu") / 1024,
            "vCPU hour", (0.04048, 0.04656),
        ),
        Price(
            "MCP server: memory of its Fargate tasks", lambda s: s.tasks * s.number("mcp", "memory") / 1024,
            "GB hour", (0.004445, 0.005111),
        ),
        Price("load balancer of the MCP server", lambda s: s.made("mcp", "aws_lb"), "hour", (0.0225, 0.027)),
        Price("KMS keys", lambda s: s.made("kms", "aws_kms_key"), "key", (1.0, 1.0), hourly=False),
        Price("secrets", lambda s: s.keys("locals", "secrets"), "secret", (0.40, 0.40), hourly=False),
        Price("metric alarms", lambda s: s.alarms, "alarm", (0.10, 0.10), hourly=False),
        Price(
            "composite alarms", lambda s: s.made("alarms", "aws_cloudwatch_composite_alarm"), "alarm", (0.50, 0.50),
            hourly=False,
        ),
        Price("metrics counted from logs", lambda s: s.log_alarms, "metric", (0.30, 0.30), hourly=False),
    )  # fmt: skip


def stack(environment: str, folder: Path = PROJECT / "terraform") -> Stack:
    """The environment `dev` or `prod`, by its own file and the variables' defaults."""
    chosen = (folder / "envs" / environment / "main.tf").read_text()
    zones = re.search(r"^  zones\s*=\s*(\d)", chosen, re.MULTILINE)
    airflow = re.search(r'class\s*=\s*"(mw1\.\w+)"', chosen)
    variables = (folder / "variables.tf").read_text()
    return Stack(
        zones=int(zones[1] if zones else _default(variables, "zones", r"(\d)")),
        protect=not re.search(r"^  protect\s*=\s*false", chosen, re.MULTILINE),
        airflow=airflow[1]
        if airflow
        else _default(variables, "airflow", r'class\s*=\s*optional\(string, "(mw1\.\w+)"\)'),
        files={path.stem: path.read_text() for path in folder.glob("*.tf")},
    )


def _default(variables: str, name: str, pattern: str) -> str:
    block = re.search(rf'^variable "{name}" \{{\n(.*?)^\}}', variables, re.DOTALL | re.MULTILINE)
    assert block, f"variable {name}"
    found = re.search(pattern if "class" in pattern else rf"^  default\s*=\s*{pattern}", block[1], re.MULTILINE)
    assert found, f"default of {name}"
    return found[1]


def table(folder: Path = PROJECT / "terraform") -> str:
    """Markdown: a row for each thing, a column for each environment and region, and the sums."""
    stacks = {name: stack(name, folder) for name in ENVIRONMENTS}
    columns = [(name, region) for name in ENVIRONMENTS for region in range(len(REGIONS))]
    head = [f"{name}, {REGIONS[region]}" for name, region in columns]
    lines = [
        f"| USD a month of {HOURS} hours | number (dev; prod) | price each (us; eu) | {' | '.join(head)} |",
        f"|---|---|---|{'---:|' * len(columns)}",
    ]
    sums = [0.0] * len(columns)
    rows = zip(*(prices(each.airflow) for each in stacks.values()), strict=True)
    for of in rows:
        counts = [price.quantity(each) for price, each in zip(of, stacks.values(), strict=True)]
        monthly = [
            of[index // len(REGIONS)].monthly(stacks[name], region) for index, (name, region) in enumerate(columns)
        ]
        sums = [total + one for total, one in zip(sums, monthly, strict=True)]
        named = of[0].what if of[0].what == of[1].what else f"{of[0].what}; {of[1].what.split()[-1]}"
        each = "; ".join(dict.fromkeys(f"{us:g} / {eu:g}" for us, eu in (price.each for price in of)))
        cells = " | ".join(f"{one:,.2f}" for one in monthly)
        lines.append(f"| {named} | {counts[0]:g}; {counts[1]:g} | {each} per {of[0].unit} | {cells} |")
    lines.append(f"| **together** | | | {' | '.join(f'**{total:,.0f}**' for total in sums)} |")
    return "\n".join(lines)


def with_costs(page: str) -> str:
    """The page with the table as Terraform's files have it now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    source = f"Prices from AWS's price lists as known in {_KNOWN}, not fetched: check them before you rely on them."
    return f"{before}{BEGIN}\n{source}\n\n{table()}\n{END}{after}"
