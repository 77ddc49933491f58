"""Requests that name something: books, films, songs, playlists, places, devices.

A name may hold any words ("add roots to love and theft"), and a model that has seen few names takes them for the request. So the
names here are drawn from the whole vocabulary, and only the frame around them tells the class.
"""

import random
import re
from collections.abc import Iterator
from importlib.resources import files

from voice.route.labels import Task

_FRAMES: dict[Task, str] = {
    Task.DEVICE_COMMAND: """find {T}|find the {K} {T}|find me {T}|find a {K} called {T}|show me {T}|show {T}|show me the {K} {T}|search for {T}|look for the {K} {T}|look up {T}|where can i watch {T}
        where can i get {T}|i'm looking for {T}|can you find me the {K} {T}|i want to see the trailer for {T}|play {T}|play {T} by {N}|put on {T}|i want to hear {T}|open {T}|go to {T}|bring up {T}|buy {T}
        add {T} to {T}|add {N} to {T}|put {T} on my {T} playlist|add {T} to the {T} playlist|add this {K} to {T}|add {T} to my {T} list|i'd like {N} added to {T}|include {T} in {T}|remove {T} from {T}
        rate {T} {D} out of {E}|give {T} {D} stars|give {T} {D} points|give {T} a {D}|i give {T} {D} of {E}|{T} gets {D} points|{T} deserves {D} stars|award {T} {D} out of {E} points|i'd give {T} a {D}
        rate this {K} {D}|give this {K} {D} stars|the current {K} gets a {D} out of {E}|i give the last {K} {D} points|{D} stars for this {K}|my rating for {T} is {D}|mark {T} as {D} of {E}|score {T} {D}
        i'd like to eat {F} food in {P}|a table for {D} in {P}|find a {F} restaurant for {D} people|book a {F} place in {P} for {D}|restaurant in {P} for {N} and me|we want to have dinner in {P} at {D}
        i want to eat somewhere nearby at {D}|a party of {D} in {P} tonight|i need seats for {D} at {T}|get us a table at {T} in {P}|my friends and i want to go out for {F} food|locate a good pub in {P}
        i need a table at {T}|take us to a {F} diner|dinner for {D} at {T}|eat at a {F} bar near {P}|reserve {T} for {D}
        what is the {Q} of the {R} {S}|what is the {Q} in the {R}|how many {O} are {Z}|which {O} are {Z}|are all {O} {Z}|are any {O} {Z}|is the {R} {S} {Z}|what is the state of the {R} {S}|is {N} at home
        where is {N}|is anyone home|are there any problems with the {R} {S}|are there updates for the {S}|is the {S} {Z}|what does the {R} {S} say|how many {O} are {Z} in the {R}|is everyone out
        set the {R} {S} to {D}|turn the {S} in the {R} {Z}|check the {R} {S}|did the {S} go off|how much {Q} does the {S} use|stop|never mind|cancel that|forget it|leave it""",
    Task.SHORT_FACTUAL: """what time is {T} showing|what time is {T} on|when does {T} play at {T}|find the movie schedule for {T}|where is {T} playing|find a cinema showing {T}|showtimes for {T}|is {T} on at the cinema
        movie times at {T}|which films start at {D}|i'd like to see {T} at the {P} cinema|is {T} in theaters|give me the movie schedule|films nearby at {D}|find the film times for {T} at {T}|what movies are on in {P}
        will it rain in {P}|how cold is it in {P} at {D}|is it warm in {P}|forecast for {P} in {D} hours|what will the weather be in {P}|is it humid near me|will it be windy in {P} at {D}|how hot will {P} get
        who wrote {T}|who sings {T}|when did {T} come out|how many seasons of {T} are there|who is {N}|how old is {N}|where was {N} born|where is {P}|how far is {P}|what is the population of {P}|when was {T} released""",
    Task.LONG_FORM: """write a novel called {T}|write a story about {T}|write a song called {T}|make up a film called {T}|write a review of {T}|write a poem for {N} about {T}|write a speech for {N}""",
    Task.WORLD_KNOWLEDGE: """what is {T} really about|why is {T} so popular|why did {N} write {T}|explain the ending of {T}|compare {T} with {T}|what do critics think of {T}|how did {T} change {P}|why do people move to {P}""",
    Task.CHIT_CHAT: """i love {T}|{T} made me cry|have you seen {T}|do you like {T}|{N} says hi|my favourite is {T}|guess who i met {N}|do you know {N}""",
    Task.TIMER_CALENDAR: """put {T} in my calendar for {D}|remind me to watch {T} at {D}|when am i seeing {N}|move lunch with {N} to {D}|set an alarm called {T}|how long until {T} starts in my calendar""",
}  # fmt: skip
_KINDS = "book novel essay textbook series saga chronicle album movie tv show song picture game photograph painting trailer soundtrack play".split()
_FOODS = (
    "italian thai creole mexican ethiopian french greek indian vegan japanese korean turkish spanish seafood barbecue".split()
)
_QUANTITIES = "temperature;humidity;air pressure;power;voltage;current;weight;speed;water;carbon dioxide level;battery level;brightness;signal;energy;gas;moisture;distance;noise".split(
    ";"
)
_ROOMS = "kitchen bedroom hall garage garden basement attic office nursery bathroom".split()
_THINGS = "sensor heater pump curtain lamp door window valve feeder siren camera vacuum lock fan fridge washer detector plug meter".split()
_MANY = "things;devices;lights;doors;windows;sensors;cameras;locks;updates;curtains;smoke detectors;batteries;valves;plugs;people".split(
    ";"
)
_STATES = "on off open closed low cold hot locked unlocked available triggered charging running wet dry detected connected full".split()
_SCORES = "zero one two three four five six 0 1 2 3 4 5".split()


class Names:
    """Draws names of works, people and places."""

    def __init__(self) -> None:
        data = files("voice.privacy") / "data"
        self._words = (data / "common_words.txt").read_text(encoding="utf-8").split()
        self._people = (data / "given_names.txt").read_text(encoding="utf-8").split()

    def title(self, rng: random.Random) -> str:
        """One to seven words in the forms that titles have."""
        word = [rng.choice(self._words) for _ in range(6)]
        form = rng.choice(
            (
                "{0}", "{0} {1}", "the {0}", "the {0} {1}", "{0} of {1}", "the {0} of the {1}", "{0} and {1}", "{0} in the {1}", "a {0}", "my {0} {1}", "{0} {1} {2}", "{0}: the {1} of {2}",
                "{0} for {1}", "{0} to {1}", "the last {0}", "{0} {1}: {2} {3}", "no {0} for {1} {2}", "how to {0} a {1}", "{0}'s {1}", "i {0} you {1}", "where the {0} {1}", "{p} and the {0}", "{p}'s {0}", "best of {p}",
            )
        )  # fmt: skip
        return str(form.format(*word, p=self.person(rng)))

    def person(self, rng: random.Random) -> str:
        """A given name, with any word for a surname now and then."""
        return rng.choice(self._people) + (f" {rng.choice(self._words)}" if rng.random() < 0.5 else "")

    def place(self, rng: random.Random) -> str:
        """Something that could be a place on a map."""
        first = rng.choice(self._words)
        return rng.choice(
            (first, f"{first}ville", f"north {first}", f"{first} city", f"{rng.choice(self._people)}, {first}", f"lake {first}")
        )


def generate(count: int, rng: random.Random) -> Iterator[tuple[str, Task]]:
    """``count`` requests, two thirds of them for a device or app; some in title case."""
    names = Names()
    frames = {
        task: [" ".join(part.split()) for line in lines.split("\n") for part in line.split("|") if part.strip()]
        for task, lines in _FRAMES.items()
    }
    lists = {
        "K": _KINDS,
        "F": _FOODS,
        "Q": _QUANTITIES,
        "R": _ROOMS,
        "S": _THINGS,
        "O": _MANY,
        "Z": _STATES,
        "D": _SCORES,
        "E": ("5", "6", "five", "six", "10"),
    }
    drawn = {"T": names.title, "N": names.person, "P": names.place}
    weights = [len(frames[task]) for task in frames]
    for _ in range(count):
        task = rng.choices(list(frames), weights)[0]
        cased = rng.random() < 0.4

        def slot(match: re.Match[str], *, cased: bool = cased) -> str:
            name = match[1]
            if name in lists:
                return rng.choice(lists[name])
            value = drawn[name](rng)
            return value.title() if cased else value

        yield re.sub(r"\{(\w)\}", slot, rng.choice(frames[task])), task
