"""When a driver is started again: full jitter under a ceiling that doubles, and a fresh start after a stable run."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.drivers.restart_policy import BACKOFF_CAP_S, STABLE_S, Limits, RestartPolicy, Rung


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1, exclude_max=True)), max_size=60))
def test_backoff_is_full_jitter_under_a_cap(failures: list[tuple[float, float]]) -> None:
    policy = RestartPolicy()
    for proved_s, chance in failures:
        before = policy.failed_runs
        delay_s = policy.failed(proved_s, chance)
        assert 0 <= delay_s < BACKOFF_CAP_S
        assert policy.failed_runs == (1 if proved_s >= STABLE_S else before + 1)


def test_the_ceiling_doubles_and_a_stable_run_resets_it() -> None:
    policy = RestartPolicy(Limits(base_s=1, cap_s=10, ladder=3, stable_s=60))
    assert [policy.failed(0, 0.5) for _ in range(6)] == [0.5, 1, 2, 4, 5, 5]
    assert policy.rung is Rung.BLIND
    assert policy.proved_alive()
    assert not policy.proved_alive()
    assert policy.failed(59, 0.5) == 5  # one beat does not end the backoff
    assert policy.rung is Rung.RETRYING
    assert policy.failed(60, 0.5) == 0.5
