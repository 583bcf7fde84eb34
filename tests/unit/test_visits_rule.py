"""The rule of visits: check-ins in, VISIT_OVERDUE and the form's renewal out, on a virtual clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from virtual_home import START_WALL_MS, House, home

from gateway.controller import Controller
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.rules.visits import Visits, mode_of

HOUR, DAY = 3600.0, 86_400.0
MIDNIGHT = 15 * HOUR + 44 * 60 + 30  # the virtual home begins on 1 March 2026, 08:15:30


def register(priority: int = 2, consents: dict[str, bool] | None = None, **settings: float) -> House:
    given = {"MONITORING": True, "VISITS": True} if consents is None else consents
    dotted = {f"visits.{k}": v for k, v in settings.items()}
    view = home(consents=given, settings={"visits.class": float(priority), "inactivity.enabled": 0.0} | dotted)
    return House(view)


def told(house: House, code: str = "VISIT_OVERDUE") -> list[tuple[str, str, float]]:
    return [(n.status, n.reason, (n.t / 1000 - MIDNIGHT) / DAY) for n in house.notices if n.code == code]


def visit(house: House, mode: str = "on_site", **more: Any) -> None:
    house.say(Kind.VISIT, {"event": "arrived", "by": "grid-7", "mode": mode, **more})


def rule(house: House) -> Visits:
    return next(r for r in house.controller.rules if isinstance(r, Visits))


def test_a_key_elder_whom_nobody_visits_is_overdue_on_the_sixteenth() -> None:
    house = register()
    house.wait(20 * DAY)
    assert told(house) == [("RAISED", "key_half_month", 14.0)]  # the midnight that begins 16 March
    visit(house)
    assert told(house)[1][:2] == ("RESTORED", "done")
    assert house.controller.book.alarms == {}  # a notice to the platform, no alarm
    assert {m["code"] for m in house.published("event")} >= {"VISIT_OVERDUE"}


def test_calls_and_telemetry_close_no_period() -> None:
    house = register()
    for _ in range(18):
        house.wait(DAY)
        visit(house, "phone")
        house.say(Kind.MOTION, True, "hall-pir")
    assert [status for status, _, _ in told(house)] == ["RAISED"]
    summary = rule(house).learned()
    assert (summary["on_site_done"], summary["remote_contacts"], summary["overdue_days"]) == (0, 4, 4)


def test_a_visit_in_each_half_keeps_it_quiet_for_months() -> None:
    house = register()
    for _ in range(12):
        house.wait(14 * DAY)
        visit(house)
    assert told(house) == []


def test_a_general_elder_has_the_month() -> None:
    house = register(priority=1)
    house.wait(40 * DAY)
    assert told(house) == [("RAISED", "general_month", 30.0)]


def test_fifteen_days_from_visit_to_visit_where_the_county_reads_it_so() -> None:
    house = register(rolling=1)
    house.wait(10 * DAY)
    visit(house)  # 11 March; by halves of the month nothing would be due before April
    house.wait(17 * DAY)
    assert told(house) == [("RAISED", "key_rolling_15_days", 25.0)]  # the midnight that begins 27 March


def test_a_change_in_the_register_excuses_no_visit_that_is_late() -> None:
    """A new telephone number is no new elder: the period goes on as it was."""
    house = register()
    house.wait(10 * DAY)
    for _ in range(3):
        house.say(Kind.CONFIG, house.controller.home.to_json())
        house.wait(2 * DAY)
    assert told(house) == [("RAISED", "key_half_month", 14.0)]
    house.say(Kind.CONFIG, house.controller.home.to_json())
    assert len(told(house)) == 1
    assert rule(house).learned()["overdue_days"] == 2


def test_the_class_of_last_month_is_not_begun_anew_by_a_change_in_the_register() -> None:
    house = register(priority=2)
    visit(house)
    house.say(Kind.CONFIG, register(priority=1).controller.home.to_json())
    house.wait(45 * DAY)  # 15 April
    house.say(Kind.CONFIG, register(priority=1).controller.home.to_json())
    house.wait(DAY)
    house.say(Kind.CONFIG, register(priority=1).controller.home.to_json())
    house.wait(20 * DAY)  # 6 May: April had no visit
    assert told(house) == [("RAISED", "general_month", 60.0)]


def test_visits_that_are_no_business_of_this_home_any_more_are_asked_for_no_more() -> None:
    house = register()
    house.wait(20 * DAY)
    house.say(Kind.CONFIG, register(priority=0).controller.home.to_json())
    assert told(house)[1:] == [("RESTORED", "off", told(house)[1][2])]
    house.wait(40 * DAY)
    assert len(told(house)) == 2


def test_a_book_begun_by_a_clock_years_ahead_is_not_closed_for_years() -> None:
    """A battery clock that says 2036 is believed, until the network says otherwise."""
    house = register()
    house.controller = Controller(house.controller.home, offset_ms=START_WALL_MS + 3_653 * 86_400_000, trust="RTC")
    house.wait(HOUR)
    visit(house)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})
    house.wait(2 * DAY)
    assert rule(house).learned()["last_visit_on"] == "2026-03-01"
    house.wait(45 * DAY)
    assert [status for status, _, _ in told(house)] == ["RAISED"]


def test_registered_from_a_day_to_come_nothing_is_due_before() -> None:
    house = register(enrolled_yyyymmdd=20260401)
    house.wait(47 * DAY)
    assert told(house) == [("RAISED", "key_half_month", 45.0)]  # the midnight that begins 16 April


def test_one_day_of_typhoon_is_a_window_and_is_heeded_at_once() -> None:
    house = register()
    house.wait(20 * DAY)  # 21 March
    assert [status for status, _, _ in told(house)] == ["RAISED"]
    house.say(Kind.COMMAND, {"cmd": "remote_only", "from": "2026-03-21", "to": "2026-03-21", "reason": "typhoon"})
    assert told(house)[1][:2] == ("RESTORED", "remote_only")
    house.wait(DAY)
    assert [status for status, _, _ in told(house)] == ["RAISED", "RESTORED", "RAISED"]


def test_a_phone_call_puts_nobody_at_the_door_of_an_open_alarm() -> None:
    house = register()
    house.press()
    house.wait(20)
    visit(house, "video")
    assert house.states()[-1] == "RAISED"
    visit(house)
    assert house.states()[-1] == "ATTENDED"


def test_a_typhoon_window_makes_it_unable_and_not_overdue() -> None:
    house = register()
    house.say(Kind.COMMAND, {"cmd": "remote_only", "from": "2026-03-12", "to": "2026-03-18", "reason": "typhoon"})
    house.wait(16 * DAY)
    assert told(house) == []
    assert rule(house).learned()["state"] == "UNABLE"
    house.wait(8 * DAY)
    assert told(house) == []
    assert rule(house).learned()["state"] == "DUE"


def test_a_window_that_closes_the_area_ends_what_was_overdue_until_it_opens_again() -> None:
    house = register()
    house.wait(18 * DAY)
    house.say(Kind.COMMAND, {"cmd": "remote_only", "from": "2026-03-19", "to": "2026-03-20"})
    house.wait(4 * DAY)
    assert [(s, r) for s, r, _ in told(house)] == [
        ("RAISED", "key_half_month"), ("RESTORED", "remote_only"), ("RAISED", "key_half_month"),
    ]  # fmt: skip


def test_before_a_festival_one_more_visit_is_due() -> None:
    house = register()
    house.wait(29 * DAY)  # 30 March: Qingming is on 5 April
    assert rule(house).learned()["extra_windows"] == ["QINGMING"]
    visit(house)  # the half-month's own
    assert rule(house).learned()["extra_windows"] == ["QINGMING"]
    house.wait(HOUR)
    visit(house)  # the badge once more: one day, one visit
    assert rule(house).learned()["extra_windows"] == ["QINGMING"]
    house.wait(DAY)
    visit(house)
    assert rule(house).learned()["extra_windows"] == []
    assert (rule(house).learned()["on_site_required"], rule(house).learned()["on_site_done"]) == (2, 2)


def test_an_extra_window_of_the_platform_is_said_again_with_another_end() -> None:
    house = register(festival_days=0)
    for end in ("2026-03-20", "2026-03-04"):
        house.say(Kind.COMMAND, {"cmd": "extra_visit_window", "from": "2026-03-01", "to": end, "reason": "cold_wave"})
    assert rule(house).learned()["extra_windows"] == ["cold_wave"]
    house.wait(5 * DAY)
    assert rule(house).learned()["extra_windows"] == []


@pytest.mark.parametrize(
    "value",
    [
        {"cmd": "remote_only"},
        {"cmd": "remote_only", "from": "soon", "to": "later"},
        {"cmd": "remote_only", "from": 20260301, "to": "2026-03-04"},
        {"cmd": "remote_only", "from": "2026-03-04", "to": "2026-03-01"},
        {"cmd": "remote_only", "from": "2026-03-01", "to": "2096-03-01"},
        {"cmd": "ping", "from": "2026-03-01", "to": "2026-03-04"},
        {},
    ],
)
def test_a_command_that_is_none_changes_nothing(value: dict[str, Any]) -> None:
    house = register()
    before = json.dumps(house.controller.to_json()["rules"]["visits"])
    house.say(Kind.COMMAND, value)
    assert json.dumps(house.controller.to_json()["rules"]["visits"]) == before


def test_the_form_is_to_be_renewed_half_a_year_after_registration() -> None:
    house = register(enrolled_yyyymmdd=20250831)  # 31 August: half a year later is 28 February
    house.wait(1)
    assert told(house, "LEDGER_REVIEW_DUE")[0][:2] == ("RAISED", "half_year")
    assert told(house) == [], "whoever was visited since then, this gateway was not there to see it"
    fresh = register(enrolled_yyyymmdd=20250910)
    fresh.wait(9 * DAY)
    assert [(s, when) for s, _, when in told(fresh, "LEDGER_REVIEW_DUE")] == [("RAISED", 8.0)]  # 10 March
    renewed = home(
        consents={"MONITORING": True, "VISITS": True},
        settings={"visits.class": 2.0, "visits.enrolled_yyyymmdd": 20250910.0, "visits.reviewed_yyyymmdd": 20260310.0},
    )
    fresh.say(Kind.CONFIG, renewed.to_json())
    assert told(fresh, "LEDGER_REVIEW_DUE")[-1][0] == "RESTORED"


def due_notes(house: House) -> list[tuple[str, str, str]]:
    bodies = (body for body in house.published("event") if body["code"] == "VISIT_DUE")
    return [(body["reason"], body["due_on"], body["window"]) for body in bodies]


def test_three_days_before_it_is_due_the_platform_is_told_once() -> None:
    house = register(festival_days=0)
    house.wait(10 * DAY)
    assert due_notes(house) == []
    house.wait(DAY)  # 12 March
    assert due_notes(house) == [("due_soon", "2026-03-15", "")]
    house.wait(DAY)
    visit(house)
    house.wait(12 * DAY)
    assert len(due_notes(house)) == 1
    house.wait(4 * DAY)
    assert due_notes(house)[1:] == [("due_soon", "2026-03-31", "")]


def test_a_window_that_wants_one_more_is_told_when_it_opens_and_a_closed_area_hears_of_none() -> None:
    house = register(festival_days=0)
    house.say(Kind.COMMAND, {"cmd": "extra_visit_window", "from": "2026-03-03", "to": "2026-03-06", "reason": "cold"})
    house.wait(4 * DAY)
    assert due_notes(house) == [("one_more", "2026-03-06", "cold")]
    house.say(Kind.COMMAND, {"cmd": "remote_only", "from": "2026-03-06", "to": "2026-03-20"})
    house.wait(12 * DAY)
    assert len(due_notes(house)) == 1


def test_a_closed_area_does_not_end_the_forms_renewal_nor_is_it_why_that_ends() -> None:
    house = register(enrolled_yyyymmdd=20250910)
    house.wait(9 * DAY)
    house.say(Kind.COMMAND, {"cmd": "remote_only", "from": "2026-03-10", "to": "2026-03-20"})
    renewed = {"visits.class": 2.0, "visits.enrolled_yyyymmdd": 20250910.0, "visits.reviewed_yyyymmdd": 20260310.0}
    house.say(Kind.CONFIG, home(consents={"MONITORING": True, "VISITS": True}, settings=renewed).to_json())
    assert [(s, r) for s, r, _ in told(house, "LEDGER_REVIEW_DUE")] == [("RAISED", "half_year"), ("RESTORED", "done")]


def cut_the_power(house: House, off_s: float) -> None:
    """A Pi without a battery clock: how long it was off is unknown, and time stood still for it; then the network's."""
    wall = house.controller.wall_ms(house.now_ms)
    house.say(Kind.RESTART, {"gap_ms": 0, "gap": "unknown"})
    house.say(Kind.CLOCK, {"offset_ms": wall - house.now_ms, "trust": "NONE"})
    house.wait(60)
    house.say(Kind.CLOCK, {"offset_ms": wall + round(off_s * 1000) - house.now_ms, "trust": "NTP"})


def test_a_power_cut_moves_no_visit_into_the_next_half_month() -> None:
    house = register(festival_days=0)
    house.wait(14 * DAY + 11 * HOUR)  # 15 March, 19:15
    visit(house)
    cut_the_power(house, 30 * HOUR)
    assert rule(house).learned()["last_visit_on"] == "2026-03-15"
    house.wait(20 * DAY)
    assert [(s, r) for s, r, _ in told(house)] == [("RAISED", "key_half_month")]  # of the second half


def test_a_visit_while_nobody_knows_the_day_gets_its_day_from_the_first_clock_that_is_believed() -> None:
    house = register(festival_days=0)
    house.wait(2 * DAY)
    house.say(Kind.RESTART, {"gap_ms": 0, "gap": "unknown"})
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})  # 1970
    visit(house)
    house.wait(HOUR)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 86_400_000, "trust": "NTP"})
    house.wait(DAY)  # a clock that stepped so far is doubted for a day
    assert rule(house).learned()["last_visit_on"] == "2026-03-04"
    cut_the_power(house, 3 * DAY)
    assert rule(house).learned()["last_visit_on"] == "2026-03-04"


def test_books_of_an_earlier_version_are_read() -> None:
    house = register()
    house.wait(DAY)
    visit(house)
    state = json.loads(json.dumps(house.controller.to_json()))
    (book,) = state["rules"]["visits"]["books"].values()
    book["on_site"] = [t for t, _ in book["on_site"]]
    book["changes"] = [[at[0], cls] for at, cls in book["changes"]]
    del book["announced"]
    house.controller = Controller.from_json(state)
    assert house.controller.restored_empty == []
    house.wait(1)
    assert rule(house).learned()["last_visit_on"] == "2026-03-02"


def test_a_change_of_class_is_a_new_beginning() -> None:
    house = register(priority=1)
    house.wait(11 * DAY)  # 12 March: too late in the half-month to begin one
    view = home(consents={"MONITORING": True, "VISITS": True}, settings={"visits.class": 2.0})
    house.say(Kind.CONFIG, view.to_json())
    house.wait(25 * DAY)
    assert told(house) == [("RAISED", "key_half_month", 30.0)]


@pytest.mark.parametrize(
    ("made", "reason"), [({"priority": 0}, "setting"), ({"consents": {"MONITORING": True}}, "no_consent")]
)
def test_when_it_is_off_and_why(made: dict[str, Any], reason: str) -> None:
    house = register(**made)
    house.wait(60 * DAY)
    assert told(house) == []
    found = house.controller.statuses()["visits"]
    assert (found.readiness.value, found.reason) == ("OFF", reason)


def test_consent_withdrawn_ends_what_was_told() -> None:
    house = register()
    house.wait(20 * DAY)
    house.say(Kind.CONFIG, home(consents={"MONITORING": True}, settings={"visits.class": 2.0}).to_json())
    assert [(s, r) for s, r, _ in told(house)][-1] == ("RESTORED", "off")


def test_a_clock_that_jumps_a_month_tells_nothing_for_a_day() -> None:
    house = register()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 30 * 86_400_000, "trust": "NTP"})
    house.wait(23 * HOUR)
    assert told(house) == []
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})  # it was wrong
    house.wait(3 * DAY)
    assert told(house) == []


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("grid-7", "on_site"),
        ({"by": "grid-7"}, "on_site"),
        ({"event": "arrived", "mode": "ON_SITE"}, "on_site"),
        ({"event": "left", "mode": "on_site"}, None),
        ({"event": "contact", "mode": "phone"}, "phone"),
        ({"mode": "INTERNET_AV"}, "internet_av"),
        ({"mode": "telemetry"}, None),
        ({"mode": 7}, None),
    ],
)
def test_how_a_visit_was_made(value: Any, mode: str | None) -> None:
    assert mode_of(value) == mode


def test_a_snapshot_on_any_day_changes_nothing() -> None:
    script = {3: "phone", 17: "on_site", 30: "video", 45: "on_site", 80: "on_site"}

    def run(cut: int | None) -> list[str]:
        controller = Controller(register().controller.home, offset_ms=START_WALL_MS, trust="NTP")
        said = []
        for day in range(100):
            if day == cut:
                controller = Controller.from_json(json.loads(json.dumps(controller.to_json())))
            t = day * 86_400_000
            value = {"mode": script.get(day, "none")}
            said += [repr(n) for n in controller.handle(Observation(Kind.VISIT, value, t)).notices]
        return said

    plain = run(None)
    assert len([line for line in plain if "VISIT_OVERDUE" in line]) >= 4
    for cut in (1, 16, 17, 18, 33, 46, 79, 99):
        assert run(cut) == plain


# ---- of a couple each has visits of their own


def couple(*residents: str, **settings: float) -> HomeView:
    dotted = {f"visits.{k}": v for k, v in settings.items()}
    return home(
        residents=residents,
        consents={"MONITORING": True, "VISITS": True},
        settings={"visits.class": 2.0, "inactivity.enabled": 0.0} | dotted,
    )


def told_of(house: House, code: str = "VISIT_OVERDUE") -> list[tuple[str, str]]:
    return [(n.subject, n.status) for n in house.notices if n.code == code]


def test_of_a_couple_the_one_nobody_came_for_is_overdue() -> None:
    house = House(couple("grandpa", "grandma"))
    house.wait(10 * DAY)
    visit(house, elder="grandpa")
    house.wait(10 * DAY)
    assert told_of(house) == [("grandma", "RAISED")]
    states = {elder: found["state"] for elder, found in rule(house).learned().items()}
    assert states == {"grandpa": "DUE", "grandma": "OVERDUE"}
    visit(house, elder="grandma")
    assert told_of(house) == [("grandma", "RAISED"), ("grandma", "RESTORED")]


@pytest.mark.parametrize("named", [{}, {"elder": "nobody we know"}, {"elder": 7}])
def test_who_names_nobody_came_for_both(named: dict[str, Any]) -> None:
    house = House(couple("grandpa", "grandma"))
    house.wait(20 * DAY)
    assert sorted(told_of(house)) == [("grandma", "RAISED"), ("grandpa", "RAISED")]
    visit(house, **named)
    assert sorted(told_of(house)[2:]) == [("grandma", "RESTORED"), ("grandpa", "RESTORED")]


def test_who_moves_in_is_registered_that_day_and_who_is_left_keeps_their_book() -> None:
    house = House(couple("grandpa", enrolled_yyyymmdd=20251001))
    house.wait(1)
    visit(house)
    assert told_of(house) == []  # of the months before this gateway came nobody here knows
    house.wait(17 * DAY)  # 18 March
    house.say(Kind.CONFIG, couple("grandpa", "grandma", enrolled_yyyymmdd=20251001).to_json())
    house.wait(HOUR)
    assert told_of(house) == []  # nothing was due of her before she came
    visit(house, elder="grandma")
    house.wait(15 * DAY)  # 2 April: nobody came for him since the first of March
    assert told_of(house) == [("grandpa", "RAISED")]
    house.say(Kind.CONFIG, couple("grandma", enrolled_yyyymmdd=20251001).to_json())
    assert told_of(house)[1:] == [("grandpa", "RESTORED")]
    assert rule(house).learned()["last_visit_on"] == "2026-03-18"


def test_a_change_in_the_register_leaves_each_of_a_couple_their_own_book() -> None:
    house = House(couple("grandpa", "grandma"))
    visit(house, elder="grandma")
    house.wait(DAY)
    house.say(Kind.CONFIG, couple("grandpa", "grandma").to_json())
    house.wait(15 * DAY)
    assert told_of(house) == [("grandpa", "RAISED")]


def test_who_takes_somebody_in_keeps_the_visits_had_alone() -> None:
    house = House(couple("grandpa"))
    visit(house)
    house.wait(DAY)
    house.say(Kind.CONFIG, couple("grandpa", "grandma").to_json())
    assert rule(house).learned()["grandpa"]["last_visit_on"] == "2026-03-01"
    house.wait(15 * DAY)
    assert told_of(house) == [("grandma", "RAISED")]


def test_the_books_of_a_couple_survive_a_snapshot() -> None:
    house = House(couple("grandpa", "grandma"))
    house.wait(3 * DAY)
    visit(house, elder="grandma")
    visit(house, "phone", elder="grandpa")
    house.wait(15 * DAY)
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    assert again.restored_empty == []
    assert again.to_json() == house.controller.to_json()
    house.controller = again
    house.wait(30 * DAY)
    assert sorted(told_of(house)) == [("grandma", "RAISED"), ("grandpa", "RAISED")]
