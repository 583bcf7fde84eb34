"""How a running gateway is, gathered from all rooms for `doctor`, the demo, the pages and systemd. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway import __version__
from gateway.clock import iso
from gateway.controller import Controller
from gateway.journal import Health

if TYPE_CHECKING:
    from gateway.runtime.gateway import Gateway
    from gateway.runtime.heart import Heart


def status_of(gateway: Gateway) -> dict[str, Any]:
    """Everything a person wants to know. No name, no number, no key."""
    heart, ways_out = gateway.heart, gateway.ways_out
    controller, health, now = heart.controller, gateway.journal.health(), heart.clock.now()
    return {
        "version": __version__,
        "gateway": gateway.config.gateway.id,
        "epoch": gateway.journal.epoch,
        "t": now,
        "now": iso(controller.wall_ms(now)),
        "clock_trust": str(heart.clock.trust()),
        "alarms": _alarms(controller),
        "rules": {name: {"status": s.readiness.value, "reason": s.reason} for name, s in controller.statuses().items()},
        "store": _store(health),
        "outbox": health.outbox_rows,
        "texts_waiting": gateway.carrier.waiting_texts(),
        "drivers": gateway.ways_in.status(),
        "power": gateway.ways_in.power(),
        "upstream": gateway.upstream.status() if gateway.upstream else None,
        "voice": ways_out.voice_note,
        "channels": ways_out.status(),
        "modems": ways_out.bearer.states(),
        "lamp": ways_out.lamp.pattern,
        "muted_s": controller.desk.quiet.muted_for_ms(now) // 1000,
        "counts": dict(gateway.counts),
        "problems": gateway.problems[:20],
        "stuck": list(gateway.watchdog.stuck()),
    }


def status_line(heart: Heart) -> str:
    """The same in a few words, as `systemctl status` shows them."""
    live = len(heart.controller.book.live())
    rules = heart.controller.statuses()
    off = [n for n, s in rules.items() if s.readiness.value == "UNAVAILABLE"]
    return f"{live} alarm(s) open, {len(rules) - len(off)} of {len(rules)} rules ready"


def _store(health: Health) -> dict[str, Any]:
    return {
        "state": health.state.value,
        "reason": health.reason,
        "waiting": health.waiting,
        "dropped_routine": health.dropped_routine,
        "dropped_urgent": health.dropped_urgent,
        "rejected": health.rejected,
    }


def _alarms(controller: Controller) -> list[dict[str, Any]]:
    return [
        {"alarm": a.number, "code": a.code, "state": a.state.value, "device": a.device, "presses": a.presses}
        for a in controller.book.live()
    ]
