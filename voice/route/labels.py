"""What an utterance can be: task classes, and the classes of the encoder's tag head."""

from enum import StrEnum


class Task(StrEnum):
    """What kind of request an utterance is. Those up to ``EXTRACTION`` are edge-able, the rest cloud-worthy."""

    DEVICE_COMMAND = "device_command"
    """Something to do, or a state to read, through the device or an app it is connected to: lights, music, calls, lists,
    orders."""
    TIMER_CALENDAR = "timer_calendar"
    """The clock and the calendar: time, dates, alarms, timers, reminders, meetings."""
    SHORT_FACTUAL = "short_factual"
    """One lookup answers it: weather, traffic, prices, what is on nearby, a sum, a definition, a fact."""
    CHIT_CHAT = "chit_chat"
    """Greetings, thanks, yes and no, jokes, questions about the assistant, talk about the conversation itself."""
    EXTRACTION = "extraction"
    """Work on words that are given: extract, classify, translate, summarise, correct, sort."""
    REASONING = "reasoning"
    """More than one step to the answer: word problems, puzzles, proofs."""
    CODE = "code"
    """Programs: write, explain, debug."""
    LONG_FORM = "long_form"
    """A text, a plan or a list to be made up: essays, stories, letters, itineraries."""
    WORLD_KNOWLEDGE = "world_knowledge"
    """Explanations, advice, how-to and opinion that need wide knowledge."""
    OUT_OF_SCOPE = "out_of_scope"
    """What the assistant has no access to (accounts at a bank, an employer, an insurer), and what makes no sense."""


TASKS = tuple(Task)
EDGE_TASKS = frozenset({Task.DEVICE_COMMAND, Task.TIMER_CALENDAR, Task.SHORT_FACTUAL, Task.CHIT_CHAT, Task.EXTRACTION})
"""What a small model on the device, with its tools, can be expected to answer."""

HARD_TASKS = frozenset({Task.REASONING, Task.CODE, Task.LONG_FORM, Task.WORLD_KNOWLEDGE})
"""What asks more of a model than to know something: the small one is likely to fail."""
QUIET_TASKS = frozenset({Task.DEVICE_COMMAND, Task.TIMER_CALENDAR, Task.CHIT_CHAT})
"""Where no larger model has anything to add: the device does it, or nothing can be wrong."""


TAGS = ("none", "name", "address", "email", "number", "birth_date", "medical", "financial")
"""The encoder's tag head: one of these a token. ``number`` is any private number or code; the patterns say which."""
