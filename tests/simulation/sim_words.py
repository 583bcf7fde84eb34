"""What is said in a simulated home and to it: by devices, by its people, by contacts and by the platform's desk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sim_story import Happening

from gateway.alarms.replies import parse_reply
from gateway.observations import Kind, Report

if TYPE_CHECKING:
    from sim_world import World

DESK_AGAIN_MS: Final = 300_000  # the platform tries so often to tell the home what its desk has said


class Words:
    """Each `on_...` performs a happening of that name."""

    def __init__(self, world: World) -> None:
        self._world = world

    def on_say(self, h: Happening) -> None:
        self._world.take(Kind(h["kind"]), h["value"], h["device"])

    def on_beat(self, h: Happening) -> None:
        device = self._world.registry.devices.get(h["device"])
        if device is not None and device.kind == "contact":
            self._world.take(Kind.CONTACT, "closed", device.id)  # a door sensor's heartbeat repeats its state
        elif device is not None and device.kind == "water_meter":
            self._world.take(Kind.WATER_VOLUME, self._world.litres / 1000, device.id)
        else:
            self._world.take(Kind.SEEN, True, h["device"])

    def on_water(self, h: Happening) -> None:
        self._world.litres += h["litres"]
        self._world.take(Kind.WATER_VOLUME, self._world.litres / 1000, "water")

    def on_press(self, h: Happening) -> None:
        self._world.take(Kind.BUTTON, h["gesture"], h["device"], h["key"])

    def on_away(self, h: Happening) -> None:
        self._world.take(Kind.AWAY, h["value"])

    def on_visit(self, h: Happening) -> None:
        self._world.take(Kind.VISIT, {"event": "arrived", "by": h["by"]})

    def on_noise(self, h: Happening) -> None:
        """Words that must change nothing."""
        self._world.take(
            *(
                (Kind.REPLY, {"contact": "stranger", "answer": "1", "ref": None}),
                (Kind.ACK, {"alarm": 99_999, "stage": "ACCEPTED", "by": "x"}),
                (Kind.ACK, {"alarm": 1, "stage": "SHOUTED", "by": "x"}),
                (Kind.DELIVERY, {"alarm": 99_999, "contact": "c1", "result": "failed"}),
                (Kind.COMMAND, {"cmd": "close", "alarm": 1}),
                (Kind.MUTE, True),
            )[h["which"]]
        )

    def on_held(self, h: Happening) -> None:
        """Said now, told later."""
        self._world.push(h["lag"], "told_late", **{name: h[name] for name in ("name", "device", "kind", "value")})

    def on_told_late(self, h: Happening) -> None:
        """Who holds it tells it once somebody listens, and again until its commit is known (`drivers.local_mqtt`)."""
        held = self._world.held
        held[h["name"]] = h
        if not self._world.alive:
            return
        key = h["name"] if h["kind"] == "button" else None
        submitted = self._world.take(Kind(h["kind"]), h["value"], h["device"], key)
        if submitted is None:
            del held[h["name"]]
        else:
            submitted.committed.add_done_callback(lambda done: held.pop(h["name"], None) if done.result() else None)

    def on_called(self, h: Happening) -> None:
        if self._world.alive:
            self._world.take(Kind.DELIVERY, h["value"])

    def on_keyed(self, h: Happening) -> None:
        if self._world.alive:
            self._world.take(Kind.REPLY, h["value"])

    def on_sms(self, h: Happening) -> None:
        if not self._world.alive or not self._world.paths["cell"]:
            self._world.push(20_000, **h)  # the network keeps it
            return
        reply = parse_reply(h["words"])
        self._world.take(Kind.REPLY, {"contact": h["contact"], "answer": reply.answer, "ref": reply.ref})

    def on_desk(self, h: Happening) -> None:
        if not self._world.alive or not self._world.paths["uplink"]:
            self._world.push(DESK_AGAIN_MS, **h)
            return
        self._world.take(Kind.ACK, h["word"])

    def on_config(self, h: Happening) -> None:
        home = self._world.registry
        settings, contacts, devices = dict(home.settings), home.contacts, dict(home.devices)
        which = h["which"]
        if which == 0:
            settings["inactivity.limit_h"] = 3 if settings.get("inactivity.limit_h") != 3 else 10
        elif which == 1:
            contacts = contacts[1:] if len(contacts) > 1 else self._world.story.home.contacts
        elif which == 2:
            devices.pop("kitchen", None)
        elif which == 3:
            devices = dict(self._world.story.home.devices)
        elif which == 4:
            settings["call_button.pre_alarm_s"] = 15
        revision = home.revision + 1
        home = replace(home, revision=revision, settings=settings, contacts=contacts, devices=devices)
        self._world.registry = home
        if self._world.alive:
            self._world.heart.take(Report(Kind.CONFIG, home.to_json()))
