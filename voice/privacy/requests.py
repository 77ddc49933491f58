"""What a whole request looks like: the words that open one, and the words that no text ends with (pure)."""

from voice.privacy.spoken_form import Speech


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


POLITE = _set(
    "um uh uhm er erm hmm hm ah oh okay ok so well please hey hi hello alright right now then and but also just like "
    "actually yeah yes no anyway thanks thank you good morning evening google alexa siri computer assistant kindly "
    "maybe perhaps quick first next lastly finally sure cool great sorry excuse me listen"
)
"""What may stand before a request."""
QUESTIONS = _set(
    "what what's whats what're what'll who who's whose whom which when when's where where's wheres why why's how "
    "how's hows how'd is isn't are aren't was were wasn't weren't do does did don't doesn't didn't can can't could "
    "couldn't will would should shouldn't has have may am must won't wouldn't"
)
ORDERS = _set(
    "tell explain describe define write compose summarize summarise translate convert calculate compute play stop "
    "pause resume skip set wake remind schedule cancel turn switch dim brighten open close lock unlock start begin "
    "find search look show list give make create generate suggest recommend compare name count add remove delete "
    "clear put order book buy check read repeat say spell help let imagine draft classify identify predict rewrite "
    "edit correct fix solve choose pick rank sort analyze analyse discuss design develop plan outline provide use "
    "increase decrease lower raise change update report teach sing roll flip pretend act answer come go shuffle mute "
    "unmute silence snooze reschedule review keep track locate get bring take save note record redo undo continue "
    "finish end shut activate deactivate enable disable connect pair crank listen watch stream estimate multiply "
    "divide subtract prove plot simplify sum double guess detect determine extract fill replace reverse print output "
    "construct complete paraphrase shorten expand brainstorm propose retweet brew compile iterate block cross refill "
    "whisper alert forget lets evaluate rate decide justify criticize implement debug refactor test navigate direct "
    "drive adjust move rewind forward fetch pull display scan browse visit reorder request confirm verify apply "
    "advise inform introduce interpret arrange reserve cook clean vacuum sweep wash feed heat cool warm preheat boot "
    "restart reboot launch run install download place boost rent select replay rotate walk tune negate swap eliminate "
    "jump quit log upload share post tweet reply refresh try retry sync mark erase drop empty reset quiet speak talk "
    "chat discover enter"
)
"""Verbs that begin a request."""
SEARCHES = _set(
    "directions location price prices ways definition meaning synonym synonyms nearest closest cheapest any best top "
    "current latest news weather headlines recipe recipes history difference forecast traffic symptoms benefits "
    "examples facts"
)
"""Nouns and adjectives that begin a search."""
_NO_SUBJECT = _set("on at in to from for with of about not capital")
OF_THE_WORLD = _set(
    "what what's who who's which why how how's when where explain describe define compare summarize summarise "
    "translate write compose calculate discuss"
)
"""A request that begins so asks about the world."""
CONTACTS = _set(
    "call text email mail message ring phone dial contact invite send ship deliver pay transfer charge wire bill "
    "forward meet reach ping notify fax warn greet thank congratulate tell ask sign log register pick"
)
"""Verbs that begin a request in which somebody, or an address or a number, is named."""
WISHES = _set("want need wanna like love have wish hope trying going able try know see use wondering looking supposed ready")
DANGLING = _set(
    "a an the after before my your his her our their its this's and or but nor if than because since while although unless "
    "until whether as of to at in on for with from by into onto about over under near between through behind beside within "
    "without around via per is are was were be been am i'm i've i'll i'd he's she's it's that's they're we're you're "
    "who's name's there's has had have do does did can could will would should may might must not no i he she we they "
    "very really so quite rather some any every each another mr mrs ms miss mister doctor dr professor saint dear dot "
    "underscore dash hyphen slash plus double triple oh equals like says called named spelled aged"
)
"""Something follows these words."""
PARTICLES = _set("on in off up over through around out down along away back by about without near")
"""… but an order may end with these: "turn the music on"."""
STRANDED = PARTICLES | _set(
    "from for at to with of as born spelled is are was were be been do does did can could have has had not no so too "
    "like call called text under named she he they i we said mean oh very really any some will would should"
)
"""… and a question with these, too: "where is he from", "tell me how many i have"."""


LATE = _set(
    "have has had do does did am are no not so too i he she we they said really any some like mean can could will would"
)
"""… and a long statement with these: "the money that i have"."""
WH = _set("what what's who whose which when where why how whether if that")
"""Words behind which an indirect question, or a clause of its own, ends as it likes."""


def lead(speech: Speech, at: int = 0) -> int:
    """The place of the first word of a request, behind what is said out of politeness; ``at``: where its sentence begins."""
    values = speech.values
    while at < len(values) and (values[at] in POLITE or speech.atoms[at].kind == "mark"):
        at += 1
    return at


def last_sentence(speech: Speech) -> int:
    """The place where the last sentence begins: behind the last mark that ends one and is no part of its end."""
    values = speech.values
    for i in range(len(values) - 2, 0, -1):
        if values[i] in {".", "?", "!", ";"} and any(atom.kind != "mark" for atom in speech.atoms[i:]):
            return i + 1 if speech.atoms[i + 1].start > speech.atoms[i].end else 0
    return 0


def kind_of(speech: Speech, at: int = 0) -> str | None:
    """What a sentence asks: a "question", an "order", a "wish", a "contact" with somebody; ``None`` when it asks nothing."""
    values = speech.values
    at = lead(speech, at)
    if at >= len(values):
        return None
    if values[at] in {"can", "could", "would", "will"} and values[at + 1 : at + 2] == ["you"]:
        return _order(speech, at + 2) or "question"
    if values[at] in {"is", "are", "was", "were"} and values[at + 1 : at + 2] and values[at + 1] in _NO_SUBJECT:
        return None
    if values[at] in QUESTIONS or values[at] in SEARCHES:
        return "question"
    if values[at : at + 3] == ["you", "need", "to"] or values[at : at + 3] == ["you", "have", "to"]:
        return _order(speech, at + 3) or "wish"
    if values[at] in {"i", "i'd", "i'm", "we", "we'd", "let's"}:
        return _wish(speech, at + 1)
    return _order(speech, at) or _asks_later(speech, at)


def _order(speech: Speech, at: int) -> str | None:
    while at < len(speech.values) and speech.values[at] in POLITE:
        at += 1
    value = speech.values[at] if at < len(speech.values) else ""
    if value in {"tell", "ask", "send", "text", "call", "remind"} and speech.values[at + 1 : at + 2] in (["me"], ["us"]):
        return "order"
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
    if (
        values[at - 1] in {"i", "we"}
        and values[at : at + 1] != []
        and values[at] in {"lost", "forgot", "can't", "cannot", "didn't", "don't"}
    ):
        return "wish" if values[at + 1 : at + 2] != ["have"] else None
    wants = next((i for i in range(at, min(at + 2, len(values) - 2)) if values[i] in {"want", "need", "like"}), None)
    return "wish" if wants is not None else None


def _asks_later(speech: Speech, at: int) -> str | None:
    """Like "given a list of words, find …", "in france what is …": a sentence of request behind something else."""
    values = speech.values
    for i in range(at + 1, len(values) - 1):
        asks = values[i] in _ASKS and values[i - 1] not in {"is", "know", "that"}
        if asks and (values[i].endswith("'s") or values[i + 1] in _ASKED or values[i] in {"which", "how"}):
            return "question"
        if values[i - 1] in {".", "?", "!", ",", ":", "please"} and (values[i] in QUESTIONS or values[i] in ORDERS):
            return "order"
    return "question" if values[-1] == "?" else None


_ASKS = _set("what what's who who's which where where's when why how how's")
_ASKED = _set("is are was were do does did can could will would should has have time kind sort day year much many")
