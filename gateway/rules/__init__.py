"""One file a rule; pure. Each says what it needs, and whether it is ARMED, LEARNING, UNAVAILABLE or OFF, and why."""
