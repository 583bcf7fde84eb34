"""`hearthwatch doctor`: what works, what does not, what to do. Looks only; changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.findings import Finding, Level, as_json_text, fail, ok, print_findings
from gateway.cli.options import config_option


@click.command("doctor")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def command(config_path: Path, as_json: bool) -> None:
    """Says of each part OK, WARN or FAIL, and what to do. Exit 1 if anything FAILs, 2 for a broken configuration."""
    findings, code = examine(config_path)
    if as_json:
        click.echo(as_json_text(findings))
    else:
        print_findings(findings)
    sys.exit(code or (1 if any(f.level is Level.FAIL for f in findings) else 0))


def examine(config_path: Path) -> tuple[list[Finding], int]:
    """Every finding, and 2 if the configuration is broken; then only what needs none is looked at."""
    from gateway.cli.checks import files, hardware, network, running
    from gateway.config import BadConfig, read_config

    try:
        config = read_config(config_path)
    except BadConfig as bad:
        for problem in bad.problems:
            click.echo(f"{config_path}: {problem}", err=True)
        advice = "correct it; every key is explained in docs/configuration.md. A new one: `hearthwatch init DIR`"
        return [fail("configuration", f"{config_path}: {p}", advice) for p in bad.problems] + network.check_clock(), 2
    findings = [ok("configuration", str(config_path))]
    for check in (
        files.check_state_dir,
        files.check_registry,
        files.check_journal,
        running.check_running,
        hardware.check_bluetooth,
        hardware.check_serial,
        hardware.check_sound,
        hardware.check_power,
        network.check_broker,
        network.check_local_broker,
        network.check_certificates,
    ):
        findings += check(config)
    return findings + network.check_clock(), 0
