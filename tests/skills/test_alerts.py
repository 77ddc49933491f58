from datetime import UTC, datetime

from voice.skills.alerts import FORGOTTEN_AFTER_S, Alerts, UserAlerts
from voice.skills.timers import LEAST_WAIT_S, MAX_TIMERS, Timer, Timers

NOW = datetime(2026, 11, 24, 15, 5, tzinfo=UTC)


class Noted:
    """A conversation that counts how often it was told."""

    def __init__(self) -> None:
        self.told = 0

    def alerts_changed(self) -> None:
        self.told += 1


def test_the_one_used_last_rings() -> None:
    alerts, first, second = UserAlerts(), Noted(), Noted()
    alerts.join(first)
    alerts.join(second)
    assert [alerts.rings_in(one) for one in (first, second)] == [False, True]
    alerts.prefer(first)
    assert [alerts.rings_in(one) for one in (first, second)] == [True, False]
    told = first.told, second.told
    alerts.prefer(first)
    assert (first.told, second.told) == told, "nothing has changed"
    alerts.leave(first)
    alerts.leave(first)
    assert [alerts.rings_in(one) for one in (first, second)] == [False, True]
    assert second.told == told[1] + 1


def test_users_are_bounded_and_those_who_have_nothing_make_room() -> None:
    alerts = Alerts(max_users=2)
    anns, bens = alerts.of("ann", 0.0, NOW), alerts.of("ben", 0.0, NOW)
    anns.timers.add(Timer("timer", "", 60, due_s=60.0))
    bens.join(Noted())
    assert alerts.of("cy", 0.0, NOW).timers.full, "neither of the two can go"
    bens.leave(bens._open[0])
    assert not alerts.of("cy", 0.0, NOW).timers.full
    assert alerts.of("ann", 0.0, NOW) is anns
    alerts.of("cy", 0.0, NOW).timers.add(Timer("timer", "", 60, due_s=1e9))
    assert not alerts.of("di", 61.0 + FORGOTTEN_AFTER_S, NOW).timers.full, "what ann never came back for is forgotten"


def test_timers_are_bounded_and_what_was_taken_to_ring_comes_back_all_the_same() -> None:
    timers = Timers()
    for number in range(MAX_TIMERS + 5):
        timers.add(Timer("timer", str(number), 60, due_s=60.0 + number))
    assert timers.count == MAX_TIMERS
    timers.put_back(Timer("timer", "rung", 60, due_s=0.0))
    assert timers.running(0.0, NOW)[0].name == "rung"


def test_the_bell_waits_for_what_is_ahead_alone() -> None:
    timers = Timers()
    timers.add(Timer("timer", "", 60, due_s=60.0))
    assert timers.wait_s(0.0, NOW) == 60.0
    assert timers.wait_s(60.0 - 1e-12, NOW) == LEAST_WAIT_S
    assert timers.wait_s(60.0, NOW) is None, "it is due, and somebody knows"
    timers.add(Timer("alarm", "", due_at=NOW.replace(hour=20)))
    assert timers.wait_s(60.0, NOW) == 20.0, "the wall clock is looked at now and then"
