"""The home's documents: `BadHome` with bounded problems that show no key, or a home that reads back equal."""

from __future__ import annotations

import json

from fuzz_rig import raises_only

from gateway.demo.household import HOME
from gateway.home.changes import changed, empty, slips
from gateway.home.model import BadHome, Home, HomeView, read_home, view_from_json
from gateway.home.reader import MAX_PROBLEMS
from gateway.home.registry import document_from_json

JSON = True
CHANGES = [{"op": "set", "table": "contacts", "id": "c3", "values": {"name": "李四", "phone": "13800000003"}}]


def seeds() -> list[bytes]:
    view = read_home(HOME).view.to_json()
    documents = [HOME, {**HOME, "settings": {"call_button.pre_alarm_s": 5}}, view, empty(), {}, CHANGES]
    return [json.dumps(d).encode() for d in documents]


def one_input(data: bytes) -> None:
    document = raises_only((BadHome,), lambda: document_from_json(data))
    if document is not None:
        home = _read(document)
        if home is not None:
            assert "phone" not in json.dumps(home.view.to_json())
            assert view_from_json(json.loads(json.dumps(home.view.to_json()))) == home.view
            slips(document)
        view = raises_only((BadHome,), lambda: view_from_json(document))
        if isinstance(view, HomeView):
            assert view_from_json(json.loads(json.dumps(view.to_json()))) == view
    try:
        changes = json.loads(data)
    except (ValueError, RecursionError):
        return
    new = raises_only(
        (BadHome,), lambda: changed(json.loads(json.dumps(HOME)) | {"revision": 1, "settings": {}}, changes)
    )
    if new is not None:
        _read(new)
        slips(new)


def _read(document: dict[str, object]) -> Home | None:
    try:
        return read_home(document)
    except BadHome as error:
        problems = error.problems
    assert 1 <= len(problems) <= MAX_PROBLEMS + 1
    assert all("not shown" in problem for problem in problems if ".key: expected" in problem)
    return None
