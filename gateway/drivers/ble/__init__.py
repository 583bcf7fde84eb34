"""Bluetooth Low Energy: BTHome adverts heard through BlueZ."""
