"""One incident for the eye, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.incidents.story import Incident


def as_text(incident: Incident) -> None:
    """Prints what is known of the incident, then its course line by line."""
    from rich.console import Console
    from rich.table import Table

    from gateway.alarms.why import scalars

    made, console = incident.to_json(), Console(highlight=False)
    facts = Table(show_header=False, box=None)
    for name, value in made.items():
        if name not in ("lines", "follow_ups", "evidence", "why") and value is not None:
            facts.add_row(name, str(value))
    for language, sentence in made["why"].items():
        facts.add_row(f"why ({language})", sentence)
    facts.add_row("evidence", " ".join(f"{k}={v}" for k, v in scalars(incident.evidence).items()))
    console.print(facts)
    for row in incident.follow_ups:
        due = f"due on {row.due_on}" if row.open else ""
        console.print(f"follow-up {row.kind}: {' '.join(filter(None, (row.result, due)))}")
    course = Table("at", "seen", "decided", "asked for")
    for body in incident.lines:
        course.add_row(str(body["at"]), _seen(body), _decided(body), _asked(body))
    console.print(course)


def _seen(body: dict[str, Any]) -> str:
    if "received" in body:
        return "platform received " + ", ".join(str(seq) for seq, _ in body["received"])
    seen = body.get("seen")
    if not isinstance(seen, dict):
        return ""
    value = seen.get("value")
    shown = " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value or "")
    return f"{seen['kind']} {seen.get('device', '')} {shown}".strip()


def _decided(body: dict[str, Any]) -> str:
    return "\n".join(f"{e['alarm']} {e.get('state') or e['what']} ({e['reason']})" for e in body.get("decided", ()))


def _asked(body: dict[str, Any]) -> str:
    return "\n".join(" ".join(str(x) for x in row[:3] if x is not None) for row in body.get("asked", ()))
