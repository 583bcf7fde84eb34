"""Words for people, from parameters that may be anything: a text of one SMS, or `TextFault` without the value in it."""

from __future__ import annotations

import json
from typing import Any

from fuzz_rig import raises_only

from gateway.alarms.words import TextFault, load
from gateway.channels.filling import HouseFacts, sms_values, spoken_values
from gateway.demo.household import HOME
from gateway.home.model import read_home, units

JSON = True
SECRET = "不得外传"
PARAMS: dict[str, Any] = {
    "name": "王阿婆", "contact": "王小明", "place": "卧室", "device": "床头按钮", "house": "溪边12号", "time": "08:15",
    "tel": "13800000000", "date": "2026-03-01", "ref": "07", "hours": 12, "mins": 30, "n": 10, "kind": "摔倒",
    "what": "按了紧急按钮", "code": "CALL_FIXED", "resident": "r1", "visitor": "王小红", "coming": True, "fall": True,
}  # fmt: skip


def seeds() -> list[bytes]:
    return [json.dumps({"to": kind, "params": PARAMS}).encode() for kind in ("emergency_contact", "village_liaison")]


def one_input(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    given = document.get("params") if isinstance(document, dict) else None
    if not isinstance(given, dict):
        return
    words, home = load(), read_home(HOME)
    filled = sms_values(given, str(document.get("to"))[:40] if isinstance(document.get("to"), str) else "", home, words,
                        HouseFacts("溪边12号", "12349"))  # fmt: skip
    for params in (given, filled):
        for template in words.sms:
            made = raises_only((TextFault,), lambda t=template, p=params: words.render_sms(t, p))
            if made is not None:
                assert units(made) <= 70
                assert made.isprintable() or "\n" in words.sms[template]
                made.encode()
    spoken = spoken_values(given, home, words)
    for prompt in words.prompts:
        made = raises_only((TextFault,), lambda p=prompt: words.render_prompt(p, spoken))
        if made is not None:
            made.encode()
    for code in words.reasons:
        raises_only((TextFault,), lambda c=code: words.reason(c, given))
