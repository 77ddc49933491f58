"""What a whole request looks like: the words that open one, and the words that no text ends with (pure)."""

from voice.privacy.spoken_form import Speech


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


POLITE = _set(
    "um uh uhm er erm hmm hm ah oh okay ok so well please hey hi hello alright right now then and but also just like actually yeah "
    "yes no anyway thanks thank you good morning evening google alexa siri computer assistant kindly maybe perhaps quick first "
    "next lastly finally sure cool great hm sorry excuse me listen"
)
"""What may stand before a request."""
QUESTIONS = _set(
    "what what's whats what're what'll who who's whose whom which when when's where where's wheres why why's how how's hows "
    "how'd is isn't are aren't was were wasn't weren't do does did don't doesn't didn't can can't could couldn't will would should "
    "shouldn't has have may am must won't wouldn't whats"
)
ORDERS = _set(
    "tell explain describe define write compose summarize summarise translate convert calculate compute play stop pause resume "
    "skip set wake remind schedule cancel turn switch dim brighten open close lock unlock start begin find search look show list "
    "give make create generate suggest recommend compare name count add remove delete clear put order book buy check read "
    "repeat say spell help let imagine draft classify identify predict rewrite edit correct fix solve choose pick rank sort "
    "analyze analyse discuss design develop plan outline provide use increase decrease lower raise change update report teach "
    "sing roll flip pretend act answer come go shuffle mute unmute silence snooze reschedule review keep track locate get bring "
    "take save note record redo undo continue finish end shut activate deactivate enable disable connect pair crank listen "
    "watch stream estimate multiply divide subtract solve prove plot simplify sum double guess detect determine extract fill "
    "replace reverse print output construct complete paraphrase shorten expand brainstorm propose design evaluate rate "
    "decide justify criticize compute implement debug refactor test navigate direct drive adjust move raise rewind forward fetch "
    "pull display scan browse visit order reorder request confirm verify apply advise inform introduce interpret arrange "
    "reserve cook clean vacuum sweep wash feed order heat cool warm preheat boot restart reboot launch run install download "
    "upload share post tweet reply refresh try retry sync mark erase drop empty reset quiet speak talk chat discover enter"
)
"""Verbs that begin a request."""
CONTACTS = _set(
    "call text email mail message ring phone dial contact invite send ship deliver pay transfer charge wire bill forward meet "
    "ping notify fax warn greet thank congratulate tell ask remind sign log register pick"
)
"""Verbs that begin a request in which somebody, or an address or a number, is named."""
WISHES = _set("want need wanna like love have wish hope trying going able try know see use wondering looking supposed ready")
DANGLING = _set(
    "a an the my your his her our their its this's and or but nor if than because since while although unless until whether "
    "as of to at in on for with from by into onto about over under near between through behind beside within without around via "
    "per is are was were be been am i'm i've i'll i'd he's she's it's that's they're we're you're who's name's there's "
    "has had have do does did can could will would should may might must not no i he she we they "
    "very really so too quite rather some any every each another mr mrs ms miss mister doctor dr professor saint dear "
    "dot underscore dash hyphen slash plus double triple oh equals like said says called named spelled call text email ring "
    "dial phone contact message named aged under care"
)
"""Something follows these words."""
STRANDED = _set(
    "from for on in at to about with by of is are was were be been do does did can could have has had up not no so too "
    "like call called text under named she he they i we said over around through without near there's off mean oh very really "
    "any some"
)
"""… but a question may end with these: "where is he from", "what is it for"."""


def lead(speech: Speech) -> int:
    """The place of the first word of the request itself, behind what is said out of politeness and "could you"."""
    values = speech.values
    at = 0
    while at < len(values) and (values[at] in POLITE or speech.atoms[at].kind == "mark"):
        at += 1
    return at


def kind_of(speech: Speech) -> str | None:
    """What a text asks in its words of opening: a "question", an "order", a "contact"; ``None`` when it asks nothing."""
    values = speech.values
    at = lead(speech)
    if at >= len(values):
        return None
    if values[at] in {"can", "could", "would", "will"} and values[at + 1 : at + 2] == ["you"]:
        return _order(speech, at + 2) or "question"
    if values[at] in QUESTIONS:
        return "question"
    if values[at] in {"i", "i'd", "i'm", "we", "we'd", "let's"}:
        return _wish(speech, at + 1)
    return _order(speech, at) or _asks_later(speech, at)


def _order(speech: Speech, at: int) -> str | None:
    while at < len(speech.values) and speech.values[at] in POLITE:
        at += 1
    value = speech.values[at] if at < len(speech.values) else ""
    return "contact" if value in CONTACTS else "order" if value in ORDERS else None


def _wish(speech: Speech, at: int) -> str | None:
    """Like "i want to know …", "i'd like you to …"."""
    values = speech.values
    for i in range(at, min(at + 5, len(values) - 1)):
        if values[i] == "to" and i and (values[i - 1] in WISHES or values[i - 1] in {"you", "how"}):
            return _order(speech, i + 1) or "wish"
        if values[i] in {"how", "what", "why", "where", "when", "which", "whether", "if"}:
            return "question"
    if speech.values[at - 1] == "let's":
        return "order"
    return None


def _asks_later(speech: Speech, at: int) -> str | None:
    """Like "given a list of words, find …", "in france what is …": a sentence of request behind something else."""
    values = speech.values
    for i in range(at + 1, len(values) - 1):
        if values[i] in {"what", "what's", "who", "which", "where", "why", "how"} and values[i - 1] not in {"is", "know"}:
            return "question"
        if values[i - 1] in {".", "?", "!", ",", ":", "please"} and (values[i] in QUESTIONS or values[i] in ORDERS):
            return "order"
    return "question" if values[-1] == "?" else None
