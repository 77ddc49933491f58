"""Secrets as they are typed, and what only looks like one. The keys are made up, in the shapes of real ones."""

import random
import string
import time

import pytest

from voice.privacy import keys
from voice.privacy.findings import Kind
from voice.privacy.gate import PrivacyPolicy, check
from voice.privacy.redact import Redactor
from voice.privacy.spoken_form import read

OPEN = PrivacyPolicy()
BASE62 = string.ascii_letters + string.digits


def made_up(prefix: str, length: int, alphabet: str = BASE62) -> str:
    """A key of that prefix and that many characters behind it."""
    return prefix + "".join(random.Random(prefix).choices(alphabet, k=length))


KEYS = [
    *(made_up("AKIA", 16, string.ascii_uppercase + string.digits), made_up("ASIA", 16, string.ascii_uppercase + string.digits)),
    *(
        made_up("sk-", 48),
        made_up("sk-proj-", 64),
        made_up("sk-ant-api03-", 60),
        made_up("sk_live_", 24),
        made_up("whsec_", 32),
    ),
    *(made_up("ghp_", 36), made_up("gho_", 36), made_up("github_pat_", 60), made_up("glpat-", 20)),
    *(made_up("xoxb-", 40), made_up("xoxp-", 40), made_up("xapp-", 40), made_up("AIza", 35), made_up("ya29.", 60)),
    *(made_up("hf_", 34), made_up("npm_", 36), made_up("pypi-", 80), made_up("SG.", 22) + made_up(".", 43)),
    *(
        made_up("eyJ", 30) + made_up(".", 40) + made_up(".", 43),
        made_up("", 64, "0123456789abcdef"),
        made_up("", 40),
        made_up("", 24),
    ),
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("sentence", ["my key is {}", "{}", "why does {} not work?", "export TOKEN='{}'", 'use "{}", please'])
def test_a_key_is_a_secret_and_all_of_it_is_hidden(key: str, sentence: str) -> None:
    text = sentence.format(key)
    verdict = check(text, OPEN)
    assert verdict.treatment == "edge"
    assert Kind.SECRET in {found.kind for found in verdict.findings}
    hidden = Redactor().redact(text, verdict.findings)
    assert not any(key[at : at + 6] in hidden for at in range(len(key) - 5))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("my AWS access key is AKIA…", "AKIA…"),
        ("our api key is tr0ub4dor", "tr0ub4dor"),
        ("the secret access key: wJalrXUt", "wJalrXUt"),
        ("API_KEY=hunter42", "hunter42"),
        ("my recovery code is QWXZ-PLMK", "QWXZ-PLMK"),
        ("connect to postgres://admin:hunter@db.example.org/main", "admin:hunter"),
        ("curl -H 'Authorization: Bearer abcdef1234567890abcdef'", "abcdef1234567890abcdef"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE owIB\nAAKC\n-----END RSA PRIVATE KEY-----", "MIIE owIB\nAAKC"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl bnNz", "b3Bl bnNz"),
    ],
)
def test_what_is_called_a_key_is_one(text: str, secret: str) -> None:
    verdict = check(text, OPEN)
    assert any(
        found.kind is Kind.SECRET and found.start <= text.index(secret) and found.end >= text.index(secret) + len(secret)
        for found in verdict.findings
    ), verdict.findings


@pytest.mark.parametrize(
    "text",
    [
        "what is an api key",
        "my api key is missing",
        "the access token is expired",
        "is the private key on the server",
        "how do i revert commit 3f2a91c in git",
        "what does -----BEGIN CERTIFICATE----- mean",
        "what is AKIA short for",
        "how do i open https://example.org/guides/getting-started-with-python-3-and-django-5",
        "rename getHttp2ResponseForUserAccountById to fetchUser",
        "why does test_the_first_turn_of_2026_is_not_slow fail",
        "SELECT_ALL_FROM_TABLE_WHERE_ID_IS_7",
        "what is internationalization and antidisestablishmentarianism",
        "the sk-learn library and the sk-8 board",
        "is eyjafjallajökull still active",
        "what is in /usr/lib/python3.11/site-packages/numpy",
    ],
)
def test_what_only_looks_like_a_key_may_leave(text: str) -> None:
    assert Kind.SECRET not in {found.kind for found in check(text, OPEN).findings}


@pytest.mark.parametrize(
    "unit", ["a", "A1b", "sk-", "eyJ.", "eyJabcdefgh.", "-----BEGIN ", "api key ", "://a:", "Bearer 1", "0"]
)
def test_no_text_takes_long(unit: str) -> None:
    speech = read((unit * 6000)[:6000])
    started = time.process_time()
    list(keys.find(speech))
    assert time.process_time() - started < 0.2
