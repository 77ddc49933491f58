"""Stop, repeat, louder, softer, and what can you do."""

from voice.skills.skill import Context, Reply, skill


@skill(
    "stop [it|that|talking|speaking|please]",
    "(be|keep) quiet",
    "quiet",
    "(shut up|hush|silence|enough|cancel)",
    "that is enough",
    "never mind",
    "nevermind",
    "forget (it|that|about it)",
    "cancel that",
    "(stop|dismiss|turn off|silence) (the|that) (ringing|ring|noise|alarm sound|beeping)",
    "stop stop [stop]",
)
def stop(context: Context) -> Reply:
    """The reply has stopped already: a sound over it does that."""
    del context
    return Reply("Okay.", repeatable=False)


@skill(
    "repeat [that|it|what you said]",
    "(say|tell me) (that|it) [one more time|again|once more]",
    "(say|repeat) (that|it) again",
    "what did you [just] say",
    "come again",
    "pardon [me]",
    "again",
    "one more time",
    "once more",
    "i did not (hear|catch|understand|get) (that|you)",
    "i didn't (hear|catch|understand|get) (that|you)",
)
def repeat(context: Context) -> Reply:
    """Say the newest reply again."""
    return Reply(context.last_reply or "I have not said anything yet.", repeatable=False)


@skill(
    "(speak|talk|be|make it|turn it|get) [a bit|a little|a little bit|much] (louder|up)",
    "louder",
    "[a bit|a little|much] louder",
    "(turn|put) [the|your] volume up",
    "turn (it|yourself) up [a bit|a little]",
    "(turn up|raise|increase) [the|your] volume",
    "volume up",
    "speak up",
)
def louder(context: Context) -> Reply:
    """Speak 5 dB louder."""
    return _change(context, 1, "Louder.", "This is as loud as I can be.")


@skill(
    "(speak|talk|be|make it|get) [a bit|a little|a little bit|much] (softer|quieter|more quietly|more softly)",
    "[a bit|a little|much] (softer|quieter)",
    "(turn|put) [the|your] volume down",
    "turn (it|yourself) down [a bit|a little]",
    "(turn down|lower|decrease|reduce) [the|your] volume",
    "volume down",
    "(not so|too) loud",
    "you are too loud",
)
def softer(context: Context) -> Reply:
    """Speak 5 dB softer."""
    return _change(context, -1, "Softer.", "This is as soft as I can be.")


@skill("(normal|reset [the]) volume", "(set|put) [the|your] volume [back] to normal", "normal volume")
def usual_volume(context: Context) -> Reply:
    """Speak as at first."""

    async def reset() -> None:
        context.volume.reset()

    return Reply("Back to normal.", reset, repeatable=False)


def _change(context: Context, steps: int, done: str, no_more: str) -> Reply:
    if not context.volume.can_change(steps):
        return Reply(no_more, repeatable=False)

    async def change() -> None:
        context.volume.change(steps)

    return Reply(done, change, repeatable=False)


@skill(
    "what can you do [for me]",
    "what are you able to do",
    "what can i (say|ask) [you]",
    "what do you do",
    "(what are your|list your) (skills|abilities|commands)",
    "what else can you do",
    "help",
    "how can you help [me]",
)
def help(context: Context) -> Reply:  # noqa: A001 - its name in the trace
    """What the assistant does by itself, and otherwise."""
    del context
    return Reply(
        "I tell the time and the date, set timers, alarms and reminders, do sums and convert units. "
        "Say stop, repeat, louder or softer whenever you like. And you can ask me anything else."
    )


SKILLS = (stop, repeat, louder, softer, usual_volume, help)
