"""Who lives here and what hangs on the wall. `model` is pure; `storage` and `registry` keep it on disk."""
