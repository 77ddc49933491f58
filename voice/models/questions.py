"""Questions with answers that can be checked: how much does a chat model know, and does it follow? Pure.

Twenty facts that most people know and four questions that need what was said before. Too few to rank two models that are near
each other, enough to tell one that answers from one that talks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A short conversation whose last answer is checked.

    Attributes:
        turns: what the user says, one after another.
        accept: a regular expression that a right answer holds, as whole words, in any case.
    """

    turns: tuple[str, ...]
    accept: str

    def accepts(self, answer: str) -> bool:
        """Whether an answer is right."""
        return re.search(rf"(?<!\w)(?:{self.accept})(?!\w)", answer, re.IGNORECASE) is not None


QUESTIONS = (
    Question(("What is the capital of Portugal?",), "lisbon"),
    Question(("What is the capital of Canada?",), "ottawa"),
    Question(("Who wrote Romeo and Juliet?",), "shakespeare"),
    Question(("Which planet is closest to the sun?",), "mercury"),
    Question(("How many legs does a spider have?",), "eight|8"),
    Question(("What colour do you get when you mix blue and yellow?",), "green"),
    Question(("How many minutes are there in two hours?",), "120|(?:one )?hundred(?: and)? twenty"),
    Question(("What is the chemical symbol for gold?",), "au"),
    Question(("On which continent is Kenya?",), "african?|africa's"),
    Question(("Who painted the Mona Lisa?",), "leonardo|da vinci"),
    Question(("What is seven times eight?",), "56|fifty[- ]six"),
    Question(("What do bees make?",), "honey"),
    Question(("What is the longest river in South America?",), "amazon"),
    Question(("In which year did the Second World War end?",), "1945|nineteen forty[- ]five"),
    Question(("How many sides does a hexagon have?",), "six|6"),
    Question(("What is the opposite of hot?",), "cold|cool"),
    Question(("Which ocean lies between Europe and America?",), "atlantic"),
    Question(("How do you say thank you in Spanish?",), "gracias"),
    Question(("What is the largest planet in the solar system?",), "jupiter"),
    Question(("At how many degrees Celsius does water boil?",), "100|(?:one )?hundred"),
    Question(("What is the capital of Italy?", "And of Greece?"), "athens"),
    Question(("My dog is called Bruno.", "What is my dog called?"), "bruno"),
    Question(("What is five plus six?", "Double that."), "22|twenty[- ]two"),
    Question(("Who developed the theory of relativity?", "In which country was he born?"), "germany|german"),
)


def right(answers: Sequence[str]) -> int:
    """How many of the answers to :data:`QUESTIONS`, in their order, are right."""
    return sum(question.accepts(answer) for question, answer in zip(QUESTIONS, answers, strict=True))
