"""Codes and severities, the life of an alarm, escalation, the words people read and hear. Pure."""
