"""Topic filters as MQTT means them (4.7): + stands for one level, # for all that follow."""

from __future__ import annotations


def matches(pattern: str, topic: str) -> bool:
    """Whether a subscription to `pattern` brings messages of `topic`."""
    wanted, found = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and not pattern.startswith("$"):
        return False
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(found) or level not in ("+", found[i]):
            return False
    return len(wanted) == len(found)
