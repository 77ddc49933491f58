"""Two hundred questions of five kinds, made up of parts, in a fixed order."""

from voice.route.labels import Task

_COUNTRIES = (
    "France Spain Italy Japan Egypt Canada Brazil Norway Kenya Peru India Greece Poland Chile Cuba Iran Iraq Nepal Mali Laos"
)
_THINGS = "rain sleep tea bread snow gold bees maps clocks whales trees salt glass wind moss cats silk ice sand bells"
_WORDS = "cat river garden winter music market bridge summer teacher window"
_SENTENCES = (
    "The train to the coast leaves at nine from platform four.",
    "Please bring two chairs and a lamp to the meeting room.",
    "Anna and Peter bought apples, pears and a loaf of bread.",
    "The museum is closed on Mondays and on public holidays.",
    "Our neighbour's dog barked all night because of the storm.",
    "Water boils at one hundred degrees at sea level.",
    "The red car stopped in front of the old post office.",
    "We will paint the kitchen yellow and the hall white.",
    "She plays the violin in a small orchestra every Thursday.",
    "The package arrived late, but nothing in it was broken.",
)


def prompts() -> list[tuple[Task, str]]:
    """All of them, the kinds by turns."""
    things, words = _THINGS.split(), _WORDS.split()
    kinds: dict[Task, list[str]] = {
        Task.SHORT_FACTUAL: [
            *(f"What is the capital of {country}?" for country in _COUNTRIES.split()),
            *(f"What is {thing} made of?" for thing in things),
        ],
        Task.CHIT_CHAT: [
            *(f"Tell me a joke about {thing}." for thing in things),
            *(f"Do you like {thing}?" for thing in things),
        ],
        Task.EXTRACTION: [
            *(f"Repeat this sentence word for word: {sentence}" for sentence in _SENTENCES),
            *(f"Say in fewer words: {sentence}" for sentence in _SENTENCES),
            *(f"Which nouns are in this sentence? {sentence}" for sentence in _SENTENCES),
            *(f"Turn this into a question: {sentence}" for sentence in _SENTENCES),
        ],
        Task.REASONING: [
            *(f"I had {n + 7} apples and ate {n}. How many are left?" for n in range(2, 12)),
            *(f"Why do people need {thing}?" for thing in things),
            *(f"If a {word} is far away, how do I get there?" for word in words),
        ],
        Task.LONG_FORM: [
            *(f"Write a short story about a {word}." for word in words),
            *(f"Write a poem about a {word}." for word in words),
            *(f"Explain to a child what {thing} means." for thing in things),
        ],
    }
    return [(kind, texts[i]) for i in range(40) for kind, texts in kinds.items()]
