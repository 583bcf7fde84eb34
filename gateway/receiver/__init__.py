"""The platform's end of the wire, as a reference to run and to copy from (command `hearthwatch-platform`)."""
