"""What `hearthwatch doctor` looks at, one file a part of the house. A check looks, says, and changes nothing."""
