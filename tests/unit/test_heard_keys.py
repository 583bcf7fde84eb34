"""The same press told twice is one call; a counter that begins anew with a new battery is another."""

import json

from gateway.controller.heard import KEY_LIFE_MS, REMEMBERED_KEYS, HeardKeys


def test_the_same_press_again_is_the_same_event():
    heard = HeardKeys()
    assert heard.is_new("button:7", 1000)
    assert not heard.is_new("button:7", 1001)
    assert heard.is_new("button:8", 1001)


def test_a_repeat_does_not_keep_a_key_alive():
    heard = HeardKeys()
    assert heard.is_new("button:7", 0)
    assert not heard.is_new("button:7", KEY_LIFE_MS)
    assert heard.is_new("button:7", KEY_LIFE_MS + 1)


def test_the_oldest_key_is_forgotten_first_and_memory_is_bounded():
    heard = HeardKeys()
    for count in range(REMEMBERED_KEYS + 1):
        assert heard.is_new(f"button:{count}", count)
    assert len(heard.to_json()) == REMEMBERED_KEYS
    assert not heard.is_new("button:1", REMEMBERED_KEYS)
    assert heard.is_new("button:0", REMEMBERED_KEYS)


def test_what_was_heard_survives_a_snapshot_with_its_times():
    heard, again = HeardKeys(), HeardKeys()
    heard.is_new("button:7", 500)
    again.from_json(json.loads(json.dumps(heard.to_json())), 9000)
    assert again.to_json() == [["button:7", 500]]
    assert not again.is_new("button:7", 9000)


def test_keys_of_a_snapshot_without_times_count_from_the_snapshot():
    heard = HeardKeys()
    heard.from_json(["button:7"], 9000)
    assert heard.to_json() == [["button:7", 9000]]
