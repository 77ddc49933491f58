from voice.route.placing import Placing
from voice.route.policy import Forecast, Policy
from voice.route.router import Decision, Router, locate

TEXTS = ("tell me about the moon", "what should i cook tonight", "how do engines work", "write a short poem about the sea")
ROUTER = Router(locate(), Policy())


def after(tier: str, text: str, history_tokens: int) -> Decision:
    placing = Placing(ROUTER)
    placing.begin_turn()
    placing.place("what is the tallest mountain", Forecast(cloud_first_ms=200.0))
    placing.answered("cloud" if tier == "cloud" else "edge")
    placing.begin_turn()
    placing.place(text, Forecast(cloud_first_ms=200.0), history_tokens=history_tokens)  # a draft of the same turn
    return placing.place(text, Forecast(cloud_first_ms=200.0), history_tokens=history_tokens)


def pull(decision: Decision) -> float:
    assert decision.choice.pull is not None
    return decision.choice.pull


def test_a_long_conversation_stays_where_it_was_answered() -> None:
    pulls = [(pull(after("edge", text, 2000)), pull(after("cloud", text, 2000))) for text in TEXTS]
    assert all(edge <= cloud for edge, cloud in pulls)
    assert any(cloud - edge > 0.05 for edge, cloud in pulls)
    assert any("prefill 2000 tokens" in reason for reason in after("cloud", TEXTS[0], 2000).choice.reasons)


def test_a_short_conversation_costs_nothing_to_move() -> None:
    assert all(pull(after("edge", text, 40)) == pull(after("cloud", text, 40)) for text in TEXTS)
