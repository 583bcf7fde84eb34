"""The running gateway, as it sees itself: asked through its local socket, and believed only as far as it answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from gateway.config import Config

STATUS_TIMEOUT_S: Final = 3.0
MAX_SHOWN: Final = 300
LOG: Final = "its log says more: journalctl -u hearthwatch"


def check_running(config: Config) -> list[Finding]:
    """Whether a gateway runs and answers, and what it reports of itself."""
    from gateway.runtime.control import ControlUnavailable, request

    try:
        answer = request(config.control_socket, {"op": "status"}, STATUS_TIMEOUT_S)
    except ControlUnavailable as error:
        if _locked(config.home_file):
            return [fail("gateway", f"one holds the home registry, but: {error}", "systemctl restart hearthwatch")]
        return [warn("gateway", "not running", "hearthwatch run, or systemctl start hearthwatch")]
    status = answer.get("status")
    if answer.get("ok") is not True or not isinstance(status, dict):
        return [warn("gateway", f"answered: {_short(answer.get('error'))}", LOG)]
    parts = [f"running {_short(status.get('version', ''))}"]
    parts += [f"{len(status['alarms'])} open alarms"] if isinstance(status.get("alarms"), list) else []
    parts += [f"{label} {_short(status[key])}" for key, label in SHOWN.items() if key in status]
    return [ok("gateway", ", ".join(parts)), *_complaints(status)]


SHOWN: Final = {"outbox": "waiting for the platform:", "texts_waiting": "texts waiting:", "clock_trust": "clock:"}


def _complaints(status: dict[str, Any]) -> Iterator[Finding]:
    """What the gateway itself finds wrong. Parts it does not report are not judged."""
    problems = status.get("problems")
    for problem in problems if isinstance(problems, list) else []:
        yield warn("gateway", _short(problem), LOG)
    for stuck in status.get("stuck") or []:
        yield fail("gateway", f"stuck: {_short(stuck)}", "systemctl restart hearthwatch")
    store = _table(status.get("store"))
    if store and store.get("state") != "OK":
        yield fail("store", f"{_short(store.get('state'))}: {_short(store.get('reason'))}", "look at the disk, now")
    drivers = status.get("drivers")
    for driver in map(_table, drivers if isinstance(drivers, list) else []):
        if driver.get("rung") == "BLIND":
            yield fail(f"driver {_short(driver.get('name'))}", f"blind: {_short(driver.get('reason'))}", LOG)
        elif driver.get("reason"):
            text = f"{_short(driver.get('reason'))} ({_short(driver.get('restarts'))} restarts)"
            yield warn(f"driver {_short(driver.get('name'))}", text, LOG)
        yield from _losses(_table(driver.get("counters")))
    modems = status.get("modems")
    yield from (_modem(_table(modem)) for modem in (modems if isinstance(modems, list) else []))
    for name, rule in _table(status.get("rules")).items():
        if _table(rule).get("status") == "UNAVAILABLE":
            yield warn(
                f"rule {_short(name)}", f"unavailable: {_short(_table(rule).get('reason'))}", "see the lines above"
            )


def _modem(modem: dict[str, Any]) -> Finding:
    """Whether texts and calls can go out over it, and what the operator says is left to pay them."""
    name, signal, credit = f"way out {_short(modem.get('name'))}", modem.get("signal_dbm"), modem.get("credit")
    if modem.get("up") is not True:
        return fail(name, "does not answer", "look at its power (2 A peaks) and its USB cable")
    if modem.get("sim") != "ready":
        return fail(name, f"SIM {_short(modem.get('sim'))}", "push the card in, or set its PIN (modem.pin)")
    if modem.get("registered") is not True:
        return fail(name, "no network takes it", "look at its antenna, and at the contract of its SIM")
    said = "registered" + (", roaming" if modem.get("roaming") is True else "")
    said += f", {_short(signal)} dBm" if isinstance(signal, int) else ""
    said += f", credit: {_short(credit)}" if credit else ""
    if modem.get("refused") is True:
        return fail(name, f"{said}; its operator lets it send nothing", "top the SIM up, or look at its contract")
    if modem.get("self_test_failed") is True:
        return fail(name, f"{said}; its self-test failed", "top the SIM up, or let the operator unblock it")
    return ok(name, said)


def _losses(counters: dict[str, Any]) -> Iterator[Finding]:
    """What a driver counted that could cost a press, and can be put right."""
    if counters.get("action_at_qos_0"):
        advice = "set `device_options: {qos: 1}` in Zigbee2MQTT's configuration"
        yield warn("zigbee2mqtt", "presses come at QoS 0: one while the gateway restarts is lost", advice)
    if counters.get("acknowledged_uncommitted"):
        yield warn("local broker", "messages were acknowledged before the disk had them", "look at the journal above")


def _table(found: object) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _locked(registry: Path) -> bool:
    """Whether the registry has a writer, from the kernel's list: trying the lock could be in a gateway's way."""
    try:
        inode = registry.with_name(registry.name + ".lock").stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(f":{inode} " in line and "FLOCK" in line for line in locks.splitlines())
