"""What distinguishes the arms, as settings."""

import msgspec
import pytest

from voice.bench.answers.arms import (
    ARMS,
    PRICES,
    ArmPlaces,
    arm_settings,
    chosen_arms,
    first_token_times,
    priced,
    server_settings,
    warm_settings,
)
from voice.core.config import Config, load
from voice.core.errors import ConfigError

PLACES = ArmPlaces("http://127.0.0.1:7/v1", "standin", "ws://127.0.0.1:8")
SERVED = [arm for arm in ARMS if arm != "large"]


def config_of(arm: str, *overrides: str, warm: bool = False) -> Config:
    given = priced(load(None, overrides))
    return load(None, (*overrides, *server_settings(arm, PLACES, given, warm=warm)))


@pytest.mark.parametrize("arm", SERVED)
@pytest.mark.parametrize("warm", [False, True])
def test_every_arm_has_settings_that_are_valid(arm: str, warm: bool) -> None:
    config = config_of(arm, warm=warm)
    assert config.cost.ledger == "off"
    assert config.cloud.enabled == (arm in {"cloud", "hybrid", "hybrid-two"})
    assert (config.draft.engine == "voice") == (arm == "speculative")
    assert bool(config.llm.large) == (arm in {"two", "hybrid-two"})


def test_the_cloud_is_the_paced_one() -> None:
    config = config_of("hybrid", 'cloud.base_url="https://elsewhere"')
    assert (config.cloud.base_url, config.cloud.model, config.route.mode) == (PLACES.cloud_url, "standin", "hybrid")
    assert config_of("cloud").route.mode == "cloud"
    assert config_of("speculative").draft.url == PLACES.verifier_url
    assert config_of("speculative").llm.model == "llm-qwen2.5-coder-0.5b"


def test_to_record_the_cloud_is_waited_for() -> None:
    assert config_of("cloud", "route.patience_ms=1000", warm=True).route.patience_ms == 60_000
    assert config_of("cloud", "route.patience_ms=1000").route.patience_ms == 1000
    assert load(None, warm_settings()).cloud.first_token_ms == 60_000


def test_a_price_that_is_given_holds() -> None:
    assert config_of("cloud").cloud.price_out == PRICES["price_out"]
    assert config_of("edge", "cloud.price_out=7").cloud.price_out == 7
    assert config_of("edge", "cloud.price_out=7").cloud.price_in == 0
    config = load(None, ["cloud.price_in=3.0"])
    assert priced(config) is config
    assert msgspec.structs.replace(priced(Config()), cloud=Config().cloud) == Config()


def test_the_large_model_alone_has_no_server() -> None:
    with pytest.raises(ValueError, match="large"):
        arm_settings("large", PLACES)


def test_arms_are_chosen_by_name() -> None:
    assert chosen_arms("cloud, edge,,cloud") == ["cloud", "edge"]
    for wrong in ("", " , ", "edge,best"):
        with pytest.raises(ConfigError, match="--arms"):
            chosen_arms(wrong)


def test_times_are_milliseconds() -> None:
    assert first_token_times("150, 600,0,150") == [150, 600, 0]
    for wrong in ("", "fast", "1.5", "-1", "60001"):
        with pytest.raises(ConfigError, match="--cloud-first-token-ms"):
            first_token_times(wrong)
