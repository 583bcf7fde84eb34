"""Falls, from what a worn accelerometer says: from samples to a finding that can explain itself.

`stream` rebuilds when each sample was taken, `seeking` picks the moments worth a look, `features` measures them in
physical time, `model` weighs the measures, `posture` knows upright from lying, `watch` follows a fall that was found,
`rule` is what the controller sees. Fitted on acted falls (docs/falls.md): what it does for real ones a pilot must show.
"""
