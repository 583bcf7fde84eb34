"""Settings, backoff and the naming of faults: the pure rest of the way to the platform."""

from __future__ import annotations

import random
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.sections import MqttConfig
from gateway.upstream import faults
from gateway.upstream.backoff import ALARM_CAP_S, CAP_S, FLOOR_S, HURRIED_FLOOR_S, HURRIED_S, Backoff, Hurry
from gateway.upstream.settings import BadSettings, UpstreamSettings, from_config, parse_broker


@pytest.mark.parametrize(
    ("text", "tls", "found"),
    [
        ("broker.example", False, ("broker.example", 1883)),
        ("broker.example", True, ("broker.example", 8883)),
        ("broker.example:1234", True, ("broker.example", 1234)),
        ("[fd00::1]:1234", False, ("fd00::1", 1234)),
        ("[fd00::1]", False, ("fd00::1", 1883)),
    ],
)
def test_a_broker_is_a_host_with_an_optional_port(text, tls, found):
    assert parse_broker(text, tls=tls) == found


@pytest.mark.parametrize("text", ["h:0", "h:65536", "h:x", "h:-1", "h:99999999999999", "h:²"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(BadSettings, match="host:port"):
        parse_broker(text, tls=False)


@pytest.mark.parametrize("wrong", [{"brokers": ()}, {"brokers": (("", 1),)}, {"brokers": (("h", 1),), "protocol": "4"}])
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(BadSettings):
        UpstreamSettings(**wrong)


def test_the_configuration_file_becomes_settings():
    files = {"ca": "/c/ca", "cert": "/c/crt", "key": "/c/key"}
    made = from_config(MqttConfig(hosts=("a:1000", "b"), version=3, keepalive_s=60, client_id="x", **files))
    assert made.brokers == (("a", 1000), ("b", 8883))
    assert made.protocol == "3.1.1"
    assert made.tls is not None
    assert str(made.tls.key) == "/c/key"
    assert made.limits.keepalive_s == 60
    assert made.client_id == "x"


def test_a_certificate_without_its_key_is_refused():
    with pytest.raises(BadSettings, match="belong together"):
        from_config(MqttConfig(hosts=("a",), ca="/c/ca", cert="/c/crt"))


def test_the_password_is_not_shown():
    assert "s3cret" not in repr(UpstreamSettings((("h", 1),), username="u", password="s3cret"))


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.booleans(), st.floats(0, 1e8), st.integers())
def test_a_pause_is_never_a_spin_and_never_over_its_cap(failures, turned_away, alarm, in_vain_s, seed):
    backoff = Backoff(random.Random(seed))
    backoff.failures, backoff.turned_away = failures, turned_away
    floor, cap = (HURRIED_FLOOR_S, ALARM_CAP_S) if alarm else (FLOOR_S, CAP_S)
    assert floor <= backoff.pause_s(alarm, in_vain_s) <= cap


@given(st.integers(0, 10_000), st.floats(0, 2500), st.integers())
def test_a_waiting_alarm_is_tried_within_the_second_however_often_the_path_failed(failures, in_vain_s, seed):
    backoff = Backoff(random.Random(seed))
    for _ in range(min(failures, 50)):
        backoff.failed()
    assert backoff.pause_s(True, in_vain_s) <= HURRIED_S


def test_hurry_ebbs_with_the_time_it_was_in_vain():
    """The attempts of 30 days: a SYN each, which a SIM card's data allowance has to bear."""
    backoff, attempts, at = Backoff(random.Random(1)), 0, 0.0
    while at < 30 * 86_400:
        at += backoff.pause_s(True, at)
        attempts += 1
    assert attempts < 250_000
    assert max(backoff.pause_s(True, 6 * 3600.0) for _ in range(100)) <= 6.0


def test_a_broker_that_turns_us_away_is_asked_ever_more_rarely():
    backoff = Backoff(random.Random(1))
    backoff.failed(turned_away=True)
    assert backoff.pause_s(True) <= HURRIED_S, "once may be a restart"
    for _ in range(8):
        backoff.failed(turned_away=True)
    assert max(backoff.pause_s(True) for _ in range(100)) > ALARM_CAP_S / 2
    backoff.worked()
    assert backoff.pause_s(True) <= HURRIED_S


def test_a_new_alarm_in_a_long_outage_hurries_afresh_for_a_minute():
    hurry = Hurry()
    hurry.waiting(7, 0.0)
    hurry.waiting(7, 90_000.0)
    assert hurry.in_vain_s(90_000.0) == 90_000.0
    hurry.waiting(8, 90_000.0)
    assert hurry.in_vain_s(90_059.0) == 0.0
    assert hurry.in_vain_s(90_061.0) == 90_061.0
    hurry.over()
    hurry.waiting(8, 100_000.0)
    assert hurry.in_vain_s(100_100.0) == 100.0


def test_gateways_come_back_spread_out():
    """After an outage 10,000 of them must not knock in the same second."""
    pauses = []
    for seed in range(1000):
        backoff = Backoff(random.Random(seed))
        for _ in range(8):
            backoff.failed()
        pauses.append(backoff.pause_s(alarm_waits=False))
    per_tenth = [sum(1 for pause in pauses if i * 30 <= pause < (i + 1) * 30) for i in range(10)]
    assert min(per_tenth) > 60


def test_a_good_connection_makes_the_next_pause_short_again():
    backoff = Backoff(random.Random(1))
    for _ in range(10):
        backoff.failed()
    backoff.worked()
    assert backoff.pause_s(alarm_waits=False) <= 2.0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(-2, "x"), "name"),
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(), "refused"),
        (OSError(101, "Network is unreachable"), "unreachable"),
        (ssl.SSLError(1, "x"), "tls"),
        (UnicodeError("label too long"), "error"),
    ],
)
def test_faults_are_told_apart(error, kind):
    assert faults.of_error(error).kind == kind


def test_what_a_fault_shows_is_short_and_printable():
    detail = faults.of_loss("x\n\x1b[31m" * 100, "").detail
    assert len(detail) <= 160
    assert detail.isprintable()
