"""The home of the demo: who lives there, what hangs on its walls, and whom it calls. Nobody here is real."""

from __future__ import annotations

from typing import Any, Final

HOME: Final[dict[str, Any]] = {
    "residents": [{"id": "r1", "name": "王阿婆"}],
    "rooms": [
        {"id": "bedroom", "label": "卧室"},
        {"id": "bathroom", "label": "卫生间"},
        {"id": "hall", "label": "客厅"},
    ],
    "devices": [
        {"id": "bedroom-button", "kind": "button", "room": "bedroom", "address": "C4:7C:8D:00:00:01",
         "key": "231d39c1d7cc1ab1aee224cd096db932", "label": "床头按钮"},
        {"id": "bathroom-cord", "kind": "button", "room": "bathroom", "address": "C4:7C:8D:00:00:02", "label": "拉绳"},
        {"id": "cancel-button", "kind": "button", "role": "cancel", "room": "hall", "address": "C4:7C:8D:00:00:03"},
        {"id": "green-key", "kind": "button", "role": "ok", "room": "hall", "address": "C4:7C:8D:00:00:04"},
        {"id": "hall-pir", "kind": "motion", "room": "hall", "address": "C4:7C:8D:00:00:05", "heartbeat_s": 3600},
        {"id": "front-door", "kind": "contact", "room": "hall", "entrance": True, "address": "C4:7C:8D:00:00:06",
         "heartbeat_s": 3600},
        {"id": "meter", "kind": "electricity_meter", "address": "123456789012"},
    ],
    "contacts": [
        {"id": "c1", "name": "王小明", "phone": "13800000001", "order": 1},
        {"id": "c2", "name": "王小红", "phone": "13800000002", "order": 2},
    ],
    "consents": {"MONITORING": True, "NOTIFY_FAMILY": True},
}  # fmt: skip


def name_of(number: str) -> str:
    """The contact with this number."""
    bare = number.removeprefix("+86")
    return next((c["name"] for c in HOME["contacts"] if c["phone"] == bare), "unknown number")
