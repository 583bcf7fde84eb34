"""What the gateway itself runs on: mains or its standby battery, as Linux tells it (T-18 to T-22)."""
