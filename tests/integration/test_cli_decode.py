"""`hearthwatch decode`: one line of JSON for each frame, as it comes; nothing bad ends the run."""

from __future__ import annotations

import json
import subprocess
import sys

from command_line import TIMEOUT_S, err, hearthwatch, out


def test_decode_prints_one_line_for_each_frame_and_bad_ones_never_end_the_run() -> None:
    done = hearthwatch("decode", "bthome", "40011a", "zz", "4002ca09")
    lines = [json.loads(line) for line in out(done).splitlines()]
    assert [line["ok"] for line in lines] == [True, False, True]
    assert lines[0]["readings"] == [{"item": "battery", "value": 26, "unit": "%"}]
    assert lines[1]["error"]
    assert done.returncode == 2


def test_decode_reads_standard_input_and_skips_blank_lines() -> None:
    done = hearthwatch("decode", "bthome", "-", given=b"40011a\n\n   \r\n40011b")
    assert [json.loads(line)["readings"][0]["value"] for line in out(done).splitlines()] == [26, 27]
    assert done.returncode == 0
    assert hearthwatch("decode", "bthome", "-", given=b"").returncode == 0


def test_decode_answers_each_line_before_the_next_is_written() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "decode", "bthome", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(b"40011a\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["ok"] is True
        process.stdin.close()
        assert process.wait(TIMEOUT_S) == 0


def test_decode_survives_a_line_of_megabytes_and_bytes_that_are_no_text() -> None:
    done = hearthwatch("decode", "bthome", "-", given=b"40" * (1 << 20) + b"\n\xff\xfe\n40011a\n")
    assert [json.loads(line)["ok"] for line in out(done).splitlines()] == [False, False, True]
    assert done.returncode == 2


def test_decode_knows_a_meter_s_answer_and_a_text_message() -> None:
    done = hearthwatch("decode", "dlt645", "fefe 6866554433221168 91 08 33333433 ab896745 7b16")
    answer = json.loads(out(done))
    assert answer["address"] == "112233445566"
    assert answer["readings"] == [{"item": "00010000", "value": 123456.78, "unit": "kWh"}]
    assert done.returncode == 0
    done = hearthwatch("decode", "sms-pdu", "0891683108200505F0240D91683188000000F1000842210201254523044F60597D")
    answer = json.loads(out(done))
    assert (answer["number"], answer["text"], answer["parts"]) == ("+8613880000001", "你好", 1)
    assert done.returncode == 0


def test_decode_refuses_an_unknown_protocol() -> None:
    done = hearthwatch("decode", "morse", "00")
    assert done.returncode == 2
    assert "bthome" in err(done)
