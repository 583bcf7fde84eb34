"""`rules`, `replay --compare` and `tune` as a person uses them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.alarms.codes import CODES, Flow
from gateway.cli.tune import KNOBS, Knob, propose
from gateway.cli.what_if import Told
from gateway.parameters import TABLE

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from acted_falls import still

HEARTHWATCH = [sys.executable, "-m", "gateway.cli.main"]
HEADER = {
    "recording": 1,
    "tz": "Asia/Shanghai",
    "devices": [
        {"id": "pir", "kind": "motion", "room": "hall"},
        {"id": "door", "kind": "contact", "entrance": True},
        {"id": "thermo", "kind": "temperature"},
        {"id": "ok", "kind": "button", "role": "ok"},
    ],
}
START = datetime.fromisoformat("2026-03-01T08:00:00+08:00")


def line(hours: float, kind: str, value: Any = None, device: str | None = None) -> str:
    row = {"at": (START + timedelta(hours=hours)).isoformat(), "kind": kind, "value": value}
    return json.dumps(row | ({"device": device} if device else {}))


def nights(*waits_min: float) -> list[str]:
    """Each night the door at one, and somebody seen again so many minutes later (answering the question, if asked)."""
    rows = [line(0, "contact", "closed", "door"), *(line(h, "motion", True, "pir") for h in (4, 8, 12, 16))]
    for night, minutes in enumerate(waits_min):
        one = 17 + 24 * night
        rows.append(line(one, "contact", "open", "door"))
        rows.append(line(one + 0.01, "contact", "closed", "door"))
        rows.append(line(one + minutes / 60, "motion", True, "pir"))
        rows += [line(one + h, "motion", True, "pir") for h in (2, 6, 10, 14, 18, 22)]
    return rows


def recording(tmp_path: Path, rows: list[str]) -> Path:
    path = tmp_path / "home.jsonl"
    path.write_text("\n".join([json.dumps(HEADER), *rows]) + "\n")
    return path


def run(*args: str | Path, stdin: bytes | None = None, columns: int = 200) -> tuple[int, str, str]:
    env = os.environ | {"COLUMNS": str(columns)}
    done = subprocess.run(
        [*HEARTHWATCH, *map(str, args)], input=stdin, capture_output=True, timeout=90, check=False, env=env
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# ---- compare


def test_a_longer_wait_would_have_spared_the_slow_returns(tmp_path: Path) -> None:
    path = recording(tmp_path, nights(18, 18, 5, 60))
    code, out, _ = run("replay", "--compare", "as-is", "night_exit.wait_min=25", "--json", path)
    assert code == 0
    found = json.loads(out)
    assert [(r["code"], r["state"], r["sent"]) for r in found["removed"]] == [("NIGHT_EXIT", "RECOVERED", False)] * 2
    assert found["added"] == []
    assert [(c["was"]["code"], c["later_s"]) for c in found["changed"]] == [("NIGHT_EXIT", 600)]


def test_the_table_says_it_in_one_line_at_the_end(tmp_path: Path) -> None:
    path = recording(tmp_path, nights(18, 60))
    code, out, _ = run("replay", "--compare", "as-is", "night_exit.wait_min=25", path)
    assert code == 0
    assert (
        out.splitlines()[-1] == "night_exit.wait_min=25 instead of as-is: 0 added, 1 removed, 1 otherwise, 0 the same"
    )
    assert "10 min later" in out
    _, narrow, _ = run("replay", "--compare", "as-is", "night_exit.wait_min=25", path, columns=60)
    assert "2026-03-02T01:15" in narrow  # whatever a terminal cuts, it is not the hour


def test_parameter_files_and_standard_input(tmp_path: Path) -> None:
    rows = nights(18, 18)
    loose, strict = tmp_path / "loose.toml", tmp_path / "strict.json"
    loose.write_text("[night_exit]\nwait_min = 25\n")
    strict.write_text('{"night_exit": {"wait_min": 10}}')
    stdin = ("\n".join([json.dumps(HEADER), *rows]) + "\n").encode()
    code, out, _ = run("replay", "--compare", loose, strict, "--json", "-", stdin=stdin)
    assert code == 0
    assert [r["code"] for r in json.loads(out)["added"]] == ["NIGHT_EXIT", "NIGHT_EXIT"]


def test_the_same_twice_differs_in_nothing(tmp_path: Path) -> None:
    path = recording(tmp_path, nights(18, 60, 5))
    _, out, _ = run("replay", "--compare", "as-is", "as-is", "--json", path)
    found = json.loads(out)
    assert (found["added"], found["removed"], found["changed"]) == ([], [], [])
    assert found["same"] == 2


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ("nowhere.toml", "as-is", "nowhere.toml"),
        ("as-is", "night_exit.wait_min=soon", "soon"),
        ("as-is", "night_exit.wait_min=100000", "1 to 120"),
        ("no.such=1", "as-is", "unknown setting"),
    ],
)
def test_what_is_no_setting_is_said(tmp_path: Path, a: str, b: str, says: str) -> None:
    code, _, err = run("replay", "--compare", a, b, recording(tmp_path, nights(5)))
    assert code == 2
    assert says in err


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["night_exit.wait_min=soon"], "night_exit.wait_min: expected a number, found 'soon'"),
        (["night_exit.wait_min="], "night_exit.wait_min: expected a number"),
        (["night_exit.wait_min"], "expected RULE.KEY=VALUE"),
        (["=3"], "expected RULE.KEY=VALUE"),
        (["night_exit.wait_min=nan"], "1 to 120 min"),
        (["night_exit.wait_min=25", "night_exit.wait_min = 10"], "night_exit.wait_min: set twice, to 25 and to 10"),
        (["night_exit.enabled=0.5"], "night_exit.enabled: expected a whole number (0/1), found 0.5"),
        (["water_preset.rule=1e400"], "water_preset.rule: expected 0 to 4"),
        (["night_exit.wait=3"], "did you mean night_exit.wait_min?"),
    ],
)
def test_a_setting_that_cannot_be_names_itself(tmp_path: Path, sets: list[str], says: str) -> None:
    path = recording(tmp_path, nights(5))
    code, out, err = run("replay", *(word for each in sets for word in ("--set", each)), path)
    assert (code, out) == (2, "")
    assert says in err
    code, _, err = run("replay", "--compare", "as-is", ",".join(sets), path)
    assert code == 2
    assert says in err or "expected a file" in err


def test_lines_that_cannot_be_read_are_no_part_of_a_comparison_and_it_says_so(tmp_path: Path) -> None:
    rows = nights(18, 18)
    path = recording(tmp_path, [*rows[:9], *["a corrupt page"] * 8, *rows[9:]])
    code, out, err = run("replay", "--compare", "as-is", "night_exit.wait_min=25", path)
    assert code == 2
    assert "0 added, 2 removed" in out
    assert err.count("not JSON") == 5
    assert "8 line(s) could not be read" in err
    for command in ("tune", "rules"):
        code, _, err = run(command, "--recording", path)
        assert (code, "8 line(s) could not be read" in err) == (0, True)


def test_models_are_compared_as_well_as_numbers(tmp_path: Path) -> None:
    """A model that finds every blow a fall, against the shipped one: a stumble is one more alarm."""
    model = {
        "fall_model": 1, "placement": "waist", "features": ["peak_g"], "fitted_on": ["nothing"],
        "limits": {"quiet": 3, "balanced": 2, "sensitive": 1}, "trees": [[[-1], [0], [0], [9]]],
    }  # fmt: skip
    eager = tmp_path / "eager.json"
    eager.write_text(json.dumps({"fall_models": [model]}))
    header = {**HEADER, "devices": [{"id": "belt", "kind": "wearable", "placement": "waist"}]}
    g = [*still(10), [0.0, -2.0, 0.0], *still(10)]
    path = tmp_path / "stumble.jsonl"
    path.write_text(json.dumps(header) + "\n" + line(0, "acceleration", {"rate_hz": 25, "g": g}, "belt") + "\n")
    _, out, _ = run("replay", "--compare", "as-is", eager, "--json", path)
    assert [r["code"] for r in json.loads(out)["added"]] == ["FALL"]
    _, out, _ = run("replay", "--parameters", eager, "--compare", "as-is", "as-is", "--json", path)
    assert json.loads(out)["same"] == 1


# ---- tune


def test_tune_proposes_the_smallest_step_that_spares_enough_and_says_what_it_costs(tmp_path: Path) -> None:
    path = recording(tmp_path, nights(18, 18, 18, 90, 5))
    code, out, _ = run("tune", "--recording", path)
    assert code == 0
    assert "night_exit.wait_min 15 → 20 min: would have spared 3 of 3 false NIGHT_EXIT" in out
    assert "cost: who went out at night is missed that much later" in out
    assert "1 other NIGHT_EXIT lost none, at most 5 min later" in out
    assert "hearthwatch home set setting night_exit.wait_min=20" in out


def test_tune_proposes_nothing_that_would_lose_a_real_alarm(tmp_path: Path) -> None:
    # twice a slow return, and once out for longer than the question was asked: nobody called that false
    path = recording(tmp_path, nights(18, 18, 21.5))
    code, out, _ = run("tune", "--recording", path, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["proposals"] == []
    assert found["untouched"] == {"NIGHT_EXIT": 2}


def test_tune_knows_what_else_a_home_asks_about(tmp_path: Path) -> None:
    """Soup simmers for 100 min on three days, and the cook says that all is well; once nobody did."""
    header = {**HEADER, "devices": [{"id": "hob", "kind": "stove"}, {"id": "ok", "kind": "button", "role": "ok"}]}
    rows = []
    for day, minutes in enumerate((100, 100, 200, 100)):
        begins = 24 * day
        rows += [line(begins + m / 60, "power", 900, "hob") for m in range(0, minutes, 10)]
        if minutes == 100:
            rows.append(line(begins + 93 / 60, "ok"))
        rows.append(line(begins + minutes / 60, "power", 0, "hob"))
    path = tmp_path / "soup.jsonl"
    path.write_text("\n".join([json.dumps(header), *rows]) + "\n")
    _, out, _ = run("tune", "--recording", path)
    assert "stove.limit_min 90 → 120 min: would have spared 3 of 3 false STOVE_ON" in out
    assert "1 other STOVE_ON lost none, at most 30 min later" in out


def proposed(found: dict[str, Any]) -> list[tuple[str, float]]:
    return [(p["parameter"], p["value"]) for p in found["proposals"]]


def test_what_tune_says_of_a_proposal_is_what_a_replay_with_it_tells(tmp_path: Path) -> None:
    path = recording(tmp_path, nights(18, 18, 90, 18, 5, 70))
    (p,) = json.loads(run("tune", "--recording", path, "--json")[1])["proposals"]
    _, out, _ = run("replay", "--compare", "as-is", f"{p['parameter']}={p['value']}", "--json", path)
    found = json.loads(out)
    assert [r["state"] for r in found["removed"]] == ["RECOVERED"] * p["spared"] == ["RECOVERED"] * 3
    assert found["added"] == []
    assert [c["later_s"] for c in found["changed"]] == [p["later_s_max"]] * p["real_alarms"] == [300.0] * 2


def test_what_todays_setting_spares_asks_for_no_further_step(tmp_path: Path) -> None:
    """Three slow returns in the first week, then the wait was doubled: nothing was asked since."""
    settings = {"devices": HEADER["devices"], "consents": {"MONITORING": True}, "settings": {"night_exit.wait_min": 30}}
    rows = [*nights(18, 18, 18, 18, 18), line(17 + 24 * 3 - 5, "config", settings)]
    rows.sort(key=lambda row: json.loads(row)["at"])
    path = recording(tmp_path, rows)
    found = json.loads(run("tune", "--recording", path, "--json")[1])
    assert proposed(found) == []
    assert found["untouched"] == {"NIGHT_EXIT": 3}
    assert "today's setting spares them already" in run("tune", "--recording", path)[1]


def test_a_question_that_ended_because_its_sensor_was_lost_was_no_false_alarm(tmp_path: Path) -> None:
    header = {**HEADER, "devices": [{"id": "hob", "kind": "stove"}]}
    rows = []
    for begins in (0, 24, 48):
        rows += [line(begins + m / 60, "power", 900, "hob") for m in range(0, 100, 10)]
        rows += [line(begins + 93 / 60, "seen", False, "hob"), line(begins + 3, "power", 0, "hob")]
    path = tmp_path / "hob.jsonl"
    path.write_text("\n".join([json.dumps(header), *sorted(rows, key=lambda row: json.loads(row)["at"])]) + "\n")
    _, told, _ = run("replay", path)
    assert told.count('"reason":"rule_unavailable"') == 3
    found = json.loads(run("tune", "--recording", path, "--json")[1])
    assert (found["proposals"], found["untouched"]) == ([], {})


def test_what_was_tried_out_is_neither_false_nor_real() -> None:
    tried = Told(0, "", "STOVE_ON", "hob", state="RECOVERED", number=1, reason="activity", test=True)
    lived = Told(0, "", "STOVE_ON", "hob", state="RECOVERED", number=2, reason="activity")
    told, _ = propose(io.BytesIO(), [tried, lived, Told(0, "", "AWAY_TOO_LONG", None)], {})
    assert (told, _) == ([], {"STOVE_ON": 1})


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.parameter)
def test_a_knob_is_a_setting_that_only_makes_it_slower_to_ask(knob: Knob) -> None:
    row = TABLE[knob.parameter]
    assert [row.default, *knob.values] == sorted({row.default, *knob.values})
    assert knob.values[-1] <= row.high
    assert CODES[knob.code].flow in (Flow.QUESTION, Flow.ABSENT), "a notice is no alarm that anybody calls false"
    assert not knob.code.startswith(("FALL", "LONG_LIE", "CALL"))


def test_tune_has_no_knob_for_a_call(tmp_path: Path) -> None:
    header = {**HEADER, "devices": [{"id": "b", "kind": "button"}, {"id": "x", "kind": "button", "role": "cancel"}]}
    rows = [line(n + shift, "button", "press", device) for n in range(5) for shift, device in ((0, "b"), (0.001, "x"))]
    path = tmp_path / "calls.jsonl"
    path.write_text("\n".join([json.dumps(header), *rows]) + "\n")
    _, out, _ = run("tune", "--recording", path)
    assert "Nothing to propose" in out
    assert "CALL_FIXED: 5 false; no setting is proposed" in out


# ---- rules


def test_rules_of_a_recording_in_a_table_and_for_programs(tmp_path: Path) -> None:
    rows = nights(5) + [line(40 + n / 2, "temperature", 20 + n / 10, "thermo") for n in range(20)]
    path = recording(tmp_path, rows)
    code, out, _ = run("rules", "--recording", path, "--json")
    assert code == 0
    found = {row["rule"]: row for row in json.loads(out)["rules"]}
    assert found["night_exit"]["status"] == "ARMED"
    assert (found["geofence"]["status"], found["geofence"]["reason"]) == ("OFF", "no_fence")
    assert found["supervision"]["learned"]["devices"]["thermo"]["interval_s"] == 1800
    code, out, _ = run("rules", "--recording", path)
    assert code == 0
    for word in ("night_exit", "ARMED", "no fence is set", "devices.thermo.interval_s: 1800.0"):
        assert word in out


def test_rules_gives_its_reasons_in_either_language_and_the_hour_in_the_recordings_zone(tmp_path: Path) -> None:
    path = tmp_path / "berlin.jsonl"
    path.write_text(json.dumps({**HEADER, "tz": "Europe/Berlin"}) + "\n" + line(0, "tick") + "\n")
    code, out, _ = run("rules", "--recording", path, "--language", "zh_CN")
    assert code == 0
    assert "没有穿戴设备" in out
    assert "no_wearable" not in out
    assert "(2026-03-01T01:00:00.000+01:00)" in out
    assert json.loads(run("rules", "--recording", path, "--json")[1])["at"] == "2026-03-01T01:00:00.000+01:00"


def test_rules_of_a_home_that_never_ran_says_what_to_do(tmp_path: Path) -> None:
    run("init", tmp_path / "home")
    code, _, err = run("rules", "-c", tmp_path / "home")
    assert code == 1
    assert "no gateway answers" in err
    code, _, err = run("tune", "-c", tmp_path / "home")
    assert code == 1
    assert "no journal yet" in err


def test_a_file_that_is_no_recording_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("{}\n")
    for command in ("rules", "tune"):
        code, _, err = run(command, "--recording", path)
        assert (code, "header" in err) == (1, True)
