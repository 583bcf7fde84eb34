"""The 4G modem: SMS out and in over AT commands. `pdu` and `at` are pure; `link` and `modem` do the I/O."""
