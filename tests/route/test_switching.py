from voice.privacy.gate import PrivacyVerdict
from voice.route.difficulty import Odds
from voice.route.encoder import Heads
from voice.route.labels import Task
from voice.route.placing import Placing
from voice.route.policy import Choice, Forecast, Policy, RouteState, decide
from voice.route.router import Decision, Router, locate

ROUTER = Router(locate(), Policy())
FACT = Heads(Task.SHORT_FACTUAL, 0.9, Task.REASONING, 0.9, 0.5, 0.5, 14, 30, (), Odds(0.5, 0.05, 0.35, 0.1))
FAR = Forecast(deadline_left_ms=100.0, edge_first_ms=200.0, cloud_first_ms=3000.0)


def after(last: str, history_tokens: int) -> Choice:
    state = RouteState(last="cloud" if last == "cloud" else "edge", history_tokens=history_tokens)
    return decide(PrivacyVerdict((), "allow", 10), FACT, None, state, FAR, Policy())


def placed(history_tokens: int) -> Decision:
    placing = Placing(ROUTER)
    placing.begin_turn()
    placing.place("what is the tallest mountain", FAR)
    placing.answered("cloud")
    placing.begin_turn()
    return placing.place("tell me about the moon", FAR, history_tokens=history_tokens)


def test_a_long_conversation_stays_where_it_was_answered() -> None:
    assert (after("edge", 2000).route, after("cloud", 2000).route) == ("edge", "cloud")
    assert any("prefill 2000 tokens" in reason for reason in after("cloud", 2000).reasons)
    assert any("prefill 2000 tokens" in reason for reason in placed(2000).choice.reasons)


def test_a_short_conversation_costs_nothing_to_move() -> None:
    assert after("edge", 40).reasons == after("cloud", 40).reasons
    assert not any("prefill" in reason for reason in placed(40).choice.reasons)
