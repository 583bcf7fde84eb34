"""The home's shape: what there is to know about who lives here and what hangs on the wall, and its limits.

Frozen data and constants only. Two shapes of the same home: `Home`, with names, phone numbers and device keys, for the
edge; and `HomeView`, without any of them, for the controller, the journal and recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from gateway.home.numbers import normal_number

MAX_RESIDENTS: Final = 8
MAX_ROOMS: Final = 40
MAX_DEVICES: Final = 10_000
MAX_CONTACTS: Final = 7  # 1-5, the primary visit contact, the village liaison (domain 4.3)
MAX_NAME_UNITS: Final = 4  # UCS-2 units; SMS templates are sized for it (domain 4.4)
MAX_PLACE_UNITS: Final = 3
MAX_LABEL_UNITS: Final = 4

DEVICE_KINDS: Final = frozenset(
    {
        "button", "motion", "occupancy", "contact", "pressure", "bed", "appliance", "flush", "light", "wearable",
        "smoke", "gas", "co", "flood", "heat", "stove", "health", "electricity_meter", "water_meter", "temperature",
        "recorder", "other",
    }
)  # fmt: skip
ROLES: Final = ("call", "cancel", "ok", "service", "test", "duress")
SUPPLIES: Final = ("own", "shared", "well")
PLACEMENTS: Final = ("waist", "chest", "wrist")
CONTACT_KINDS: Final = ("emergency_contact", "primary_visit_contact", "village_liaison")
REMINDERS: Final = ("medication", "water", "test_button", "visit", "child_call")
MAX_REMINDERS: Final = 24
CHANNELS: Final = ("sms", "call")  # what a telephone number gives
ALL_CHANNELS: Final = (*CHANNELS, "push")  # push where there are addresses for it
MAX_PUSHES: Final = 4  # addresses of one contact
MAX_PUSH_CHARS: Final = 500
DISTANCES: Final = ("near", "same_city", "other_city", "overseas")
CONSENTS: Final = (
    "MONITORING", "NOTIFY_FAMILY", "NOTIFY_VILLAGE", "VISITS", "EMERGENCY_ENTRY", "HEALTH_DATA", "WHEREABOUTS",
    "DOCTOR_SHARING",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """What hangs on the wall, as the controller may know it: no address, no key."""

    id: str
    kind: str
    room: str | None = None
    role: str = "call"  # buttons, of ROLES; test: a detector's own test key
    placement: str | None = None  # wearables
    entrance: bool = False
    heartbeat_s: float | None = None  # a sign of life is due at least this often; None: not supervised
    interval_s: float | None = None  # meters
    supply: str | None = None  # water meters, of SUPPLIES; None: own


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact as the controller may know it: neither name nor number."""

    id: str
    order: int
    kind: str = "emergency_contact"
    channels: tuple[str, ...] = ("sms",)  # of ALL_CHANNELS; a landline has no "sms"
    daily_line: str | None = None  # HH:MM at which this contact wants one line about the day (每日一句平安)
    hours: str | None = None  # HH:MM-HH:MM, when this contact may be disturbed; P0 and P1 do not ask
    can_enter: bool = False  # has a key
    distance: str = "same_city"  # of DISTANCES; from another city 120 reaches the wrong one (domain 4.4)

    @property
    def reads(self) -> bool:
        """Whether words in writing reach them: by text, by push, or both."""
        return "sms" in self.channels or "push" in self.channels


@dataclass(frozen=True, slots=True)
class Reminder:
    """Something said at its hour and answered by the green key (监测提醒); never an alarm."""

    id: str
    kind: str  # of REMINDERS
    at: str  # HH:MM
    days: str = "daily"  # or mon,thu…
    about: str | None = None  # the contact who visits or waits for a call


@dataclass(frozen=True, slots=True)
class HomeView:
    """The home without a name, a number or a key. This is all the controller, journal and recordings ever hold."""

    revision: int = 0
    residents: tuple[str, ...] = ("r1",)
    rooms: Mapping[str, str] = field(default_factory=dict)  # id -> label of at most 3 characters
    devices: Mapping[str, Device] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()  # in order of escalation
    reminders: tuple[Reminder, ...] = ()
    consents: Mapping[str, bool] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)

    def consented(self, purpose: str) -> bool:
        """Whether this purpose was agreed to; what nobody was asked about was not."""
        return self.consents.get(purpose, False)

    def place(self, device: str | None) -> str:
        """The room's label for a device, at most 3 characters; 家里 where unknown."""
        known = self.devices.get(device) if device else None
        return self.rooms.get(known.room, "家里") if known and known.room else "家里"

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `view_from_json` turns back into an equal view."""
        return {
            "revision": self.revision,
            "residents": list(self.residents),
            "rooms": dict(self.rooms),
            "devices": [_sparse(asdict(d)) for d in self.devices.values()],
            "contacts": [_sparse(asdict(c)) | {"channels": list(c.channels)} for c in self.contacts],
            "reminders": [_sparse(asdict(r)) for r in self.reminders],
            "consents": dict(self.consents),
            "settings": dict(self.settings),
        }


def _sparse(device: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in device.items() if v is not None and not (k == "role" and v == "call") and v is not False}


@dataclass(frozen=True, slots=True)
class Home:
    """The whole home, secrets included; never leaves the edge. Made by `read_home` from what the registry stores."""

    view: HomeView
    names: Mapping[str, str] = field(repr=False)  # resident or contact id -> display name
    phones: Mapping[str, str] = field(repr=False)  # contact id -> number, normalised
    addresses: Mapping[str, str] = field(repr=False)  # device id -> "AA:BB:CC:DD:EE:FF", meter address...
    keys: Mapping[str, bytes] = field(repr=False)  # device id -> bind key
    labels: Mapping[str, str]  # device id -> label of at most 4 characters for texts
    pushes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)  # contact id -> Apprise addresses

    def contact_of(self, number: str) -> str | None:
        """The contact who owns this number, however it was written, or None for a stranger."""
        wanted = normal_number(number)
        return next((c for c, n in self.phones.items() if n == wanted), None)


def units(text: str) -> int:
    """Length in UCS-2 units, as an SMS counts."""
    return len(text.encode("utf-16-be", "surrogatepass")) // 2
