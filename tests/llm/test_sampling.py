from hypothesis import given
from hypothesis import strategies as st

from voice.core.config import LlmConfig
from voice.llm.sampling import sampling
from voice.models.manifest import ChatSettings

temperatures = st.none() | st.floats(0, 2)
top_ps = st.none() | st.floats(0.1, 1)
penalties = st.none() | st.floats(1, 2)


@given(temperatures, top_ps, penalties)
def test_a_setting_goes_before_the_catalogue(temperature: float | None, top_p: float | None, penalty: float | None) -> None:
    known = ChatSettings(temperature=0.7, top_p=0.8, repeat_penalty=1.05, note="as its maker recommends")
    chosen = sampling(LlmConfig(temperature=temperature, top_p=top_p, repeat_penalty=penalty), known)
    assert chosen.temperature == (0.7 if temperature is None else temperature)
    assert chosen.top_p == (0.8 if top_p is None else top_p)
    assert chosen.repeat_penalty == (1.05 if penalty is None else penalty)


def test_a_model_of_the_users_own_is_greedy_unless_told_otherwise() -> None:
    assert sampling(LlmConfig(), None) == ChatSettings(temperature=0.0, top_p=0.95, repeat_penalty=1.1)
    assert sampling(LlmConfig(temperature=0.0), ChatSettings(temperature=1.0)).temperature == 0
