"""Utterances with private matter in them, labelled by character, and their near misses.

Written and spoken: the values come from Faker in several countries' formats and from small word lists; the spoken ones are put in
words by :mod:`voice.bench.router.spoken`. Near misses hold numbers, names of the famous and illnesses that are nobody's secret.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faker import Faker

from voice.bench.router import spoken
from voice.bench.router.examples import Example, LabelledSpan

CONDITIONS = (
    "diabetes;type two diabetes;asthma;depression;anxiety;breast cancer;lung cancer;epilepsy;hiv;hepatitis c;high blood pressure;"
    "a heart condition;migraines;arthritis;parkinson's;multiple sclerosis;bipolar disorder;schizophrenia;an eating disorder;"
    "kidney disease;leukemia;crohn's disease;a stroke;ptsd;adhd;autism;a miscarriage;a brain tumor;lupus;anemia;gout;herpes;"
    "chlamydia;tuberculosis;pneumonia;a slipped disc;celiac disease;dementia;alzheimer's;osteoporosis;sleep apnea;glaucoma"
).split(";")
DRUGS = (
    "metformin;insulin;prozac;xanax;lithium;ritalin;oxycodone;warfarin;lisinopril;zoloft;methadone;adderall;blood thinners;"
    "antidepressants;antipsychotics;the pill;chemotherapy;dialysis;statins;sleeping pills;beta blockers;prednisone"
).split(";")
RELATIVES = "my wife;my husband;my son;my daughter;my mother;my father;my mom;my dad;my sister;my brother;my partner;my boss;my grandmother;my neighbor".split(
    ";"
)

Value = Callable[[random.Random, bool], str]


class Values:
    """Draws private values; ``aloud`` ones in words."""

    def __init__(self, seed: int) -> None:
        locales = "en_US en_GB en_AU en_CA en_IN de_DE fr_FR es_ES it_IT nl_NL pl_PL sv_SE pt_BR en_NZ en_IE".split()
        self._fakers = [Faker(locale) for locale in locales]
        for index, fake in enumerate(self._fakers):
            fake.seed_instance(seed + index)

    def _fake(self, rng: random.Random, english: float = 0.75) -> Any:
        return self._fakers[rng.randrange(5)] if rng.random() < english else rng.choice(self._fakers)

    def first(self, rng: random.Random, aloud: bool) -> str:
        return str(self._fake(rng).first_name())

    def last(self, rng: random.Random, aloud: bool) -> str:
        return str(self._fake(rng).last_name())

    def name(self, rng: random.Random, aloud: bool) -> str:
        fake = self._fake(rng)
        said = rng.choice(
            (f"{fake.first_name()} {fake.last_name()}", fake.first_name(), f"{fake.first_name()} {fake.last_name()}")
        )
        return str(said)

    def spelled(self, rng: random.Random, aloud: bool) -> str:
        return spoken.spelled(self._fake(rng).last_name(), rng)

    def email(self, rng: random.Random, aloud: bool) -> str:
        fake = self._fake(rng)
        local = re.sub(r"[^a-z.\d_]", "", rng.choice((
            fake.user_name(), f"{fake.first_name()}.{fake.last_name()}", f"{fake.first_name()}{rng.randrange(100)}",
            f"{fake.first_name()}_{fake.last_name()}", fake.last_name(), "info", f"{fake.first_name()[0]}.{fake.last_name()}",
        )).lower()) or "me"  # fmt: skip
        domain = rng.choice((
            "gmail.com", "hotmail.com", "yahoo.com", "outlook.com", "icloud.com", "gmx.de", "web.de", "proton.me", "aol.com",
            fake.domain_name(), fake.domain_name(), "btinternet.co.uk", "mail.example.org", "university.edu",
        ))  # fmt: skip
        value = f"{local}@{domain}"
        return spoken.email(value, rng) if aloud else value

    def card(self, rng: random.Random, aloud: bool) -> str:
        value = str(self._fake(rng).credit_card_number())
        if aloud:
            size = 4 if len(value) == 16 else 5
            return spoken.digits(" ".join(value[i : i + size] for i in range(0, len(value), size)), rng)
        return value if rng.random() < 0.5 else rng.choice(" -").join(value[i : i + 4] for i in range(0, len(value), 4))

    def phone(self, rng: random.Random, aloud: bool) -> str:
        value = str(self._fake(rng).phone_number())
        if not aloud:
            return value
        value = re.sub(r"x\d+$", "", value)
        plus = "plus " if value.startswith("+") else ""
        return plus + spoken.digits(value, rng)

    def iban(self, rng: random.Random, aloud: bool) -> str:
        value = str(rng.choice(self._fakers[1:2] + self._fakers[5:12]).iban())
        if aloud:
            return spoken.code(value, rng)
        return value if rng.random() < 0.5 else " ".join(value[i : i + 4] for i in range(0, len(value), 4))

    def ssn(self, rng: random.Random, aloud: bool) -> str:
        # not those countries whose numbers hold a birth date: Faker counts it from today, and the seed would fix nothing
        value = str(rng.choice(self._fakers[:2] + self._fakers[3:4] + self._fakers[5:6]).ssn())
        if not any(c.isalpha() for c in value):
            return spoken.digits(value, rng) if aloud else value
        return spoken.code(value, rng) if aloud else value

    def code(self, rng: random.Random, aloud: bool) -> str:
        shape = rng.choice(
            ("########", "#########", "??#######", "?########", "??######?", "?#######", "##########", "???######", "######")
        )
        value = "".join(
            rng.choice("0123456789") if c == "#" else rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "?" else c for c in shape
        )
        return spoken.code(value, rng) if aloud else value

    def pin(self, rng: random.Random, aloud: bool) -> str:
        value = "".join(rng.choice("0123456789") for _ in range(rng.choice((3, 4, 4, 4, 6))))
        return spoken.digits(value, rng, slips=False) if aloud else value

    def address(self, rng: random.Random, aloud: bool) -> str:
        fake = self._fake(rng, 0.85)
        street = f"{fake.building_number()} {fake.street_name()}"
        extra = rng.choice(
            ("", "", f" apartment {rng.randrange(1, 90)}", f" flat {rng.randrange(1, 30)}", f" Apt. {rng.randrange(1, 900)}")
        )
        tail = rng.choice(
            (
                "",
                f", {fake.city()}",
                f", {fake.city()} {fake.postcode()}",
                f" in {fake.city()}",
                f", {fake.postcode()} {fake.city()}",
            )
        )
        value = f"{street}{extra}{tail}" if rng.random() < 0.8 else str(fake.address())
        return spoken.address(value, rng) if aloud else value

    def zip(self, rng: random.Random, aloud: bool) -> str:
        value = str(self._fake(rng).postcode())
        return spoken.code(value, rng) if aloud else value

    def birth(self, rng: random.Random, aloud: bool) -> str:
        day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(1930, 2020)
        if aloud:
            return spoken.date(day, month, year if rng.random() < 0.8 else None, rng)
        return rng.choice((
            f"{month:02}/{day:02}/{year}", f"{day}.{month}.{year}", f"{year}-{month:02}-{day:02}", f"{spoken.MONTHS[month - 1]} {day}, {year}",
            f"{day} {spoken.MONTHS[month - 1][:3]} {year}",
        ))  # fmt: skip

    def ip(self, rng: random.Random, aloud: bool) -> str:
        value = ".".join(str(rng.randrange(1, 255)) for _ in range(4))
        return " dot ".join(spoken.house_number(part, rng) for part in value.split(".")) if aloud else value

    def medical(self, rng: random.Random, aloud: bool) -> str:
        who = rng.choice((*RELATIVES, "i"))
        i = who == "i"
        has, was, takes = ("have", "was", "take") if i else ("has", "was", "takes")
        return rng.choice((
            f"{who} {has} {rng.choice(CONDITIONS)}", f"{who} {was} diagnosed with {rng.choice(CONDITIONS)}", f"{who} {takes} {rng.choice(DRUGS)}",
            f"{'i am' if i else who + ' is'} on {rng.choice(DRUGS)}", f"{who} suffer{'' if i else 's'} from {rng.choice(CONDITIONS)}",
            f"{'i am' if i else who + ' is'} pregnant", f"{who} had {rng.choice(CONDITIONS)} last year", f"{who} tested positive for {rng.choice(CONDITIONS)}",
            f"{'i am' if i else who + ' is'} hiv positive", f"my doctor says {'i have' if i else who + ' has'} {rng.choice(CONDITIONS)}",
            f"my blood pressure is {rng.randrange(110, 190)} over {rng.randrange(60, 110)}", f"my {rng.choice(CONDITIONS)} is getting worse",
            f"{'i am' if i else who + ' is'} seeing a therapist because of {rng.choice(CONDITIONS)}", f"i'm allergic to {rng.choice(('penicillin', 'latex', 'peanuts'))}",
            f"{who} had surgery for {rng.choice(CONDITIONS)}", "my biopsy came back positive", f"my therapist says i have {rng.choice(CONDITIONS)}",
        ))  # fmt: skip

    def financial(self, rng: random.Random, aloud: bool) -> str:
        amount = rng.choice((500, 1200, 2500, 4800, 12_000, 35_000, 48_000, 65_000, 92_000, 120_000, 250_000))
        money = (
            f"{spoken.cardinal(amount)} {rng.choice(('dollars', 'euros', 'pounds', 'a year', 'a month'))}"
            if aloud
            else rng.choice((f"${amount:,}", f"{amount} euros", f"£{amount}"))
        )
        return rng.choice((
            f"my salary is {money}", f"i earn {money}", f"i make {money}", f"i owe the bank {money}", f"i have {money} in my savings", f"i have {money} of debt",
            f"my balance is {money}", f"my credit score is {rng.randrange(450, 820)}", "i am bankrupt", "i filed for bankruptcy last year", "i am behind on my mortgage",
            f"my mortgage is {money}", f"{rng.choice(RELATIVES)} earns {money}", f"my net worth is {money}", f"i owe {money} in taxes", f"my rent is {money} and i can't pay it",
            f"my pension is {money}", f"i lost {money} on stocks", f"i inherited {money}", f"my husband owes {money}", f"i got paid {money}",
        ))  # fmt: skip


TAG_OF = {
    "first": "name", "last": "name", "name": "name", "spelled": "name", "email": "email", "card": "number", "phone": "number", "iban": "number",
    "ssn": "number", "code": "number", "pin": "number", "address": "address", "zip": "address", "birth": "birth_date", "ip": "number",
    "medical": "medical", "financial": "financial",
}  # fmt: skip

PRIVATE = """
my name is {name}|i'm {name}|this is {name} speaking|hi this is {name}|my name's {name} and i need help|call me {first}|you can call me {first}|i am {name} and i live at {address}
it's {name}|{name} is my name|the name is {last}|the booking is under {last}|reservation for {name}|my last name is {last} spelled {spelled}|my surname is {spelled}|that's {spelled}|first name {first} last name {last}
i spell it {spelled}|{first} with a k {spelled}|my husband {first} will pick it up|my daughter {first} is sick|my boss {name} called|my friend {first} moved to berlin|tell {first} i'm late|call {name}
text {first} that dinner is ready|send an email to {name}|remind me to call {name}|set up a meeting with {name} tomorrow|is {first} at home|what's {first}'s phone number|when is {first}'s birthday|did {name} reply
{name} is coming over tonight|i met {first} at work|{first} said that {first} would come|do you know {name}|doctor {last} gave me an appointment|mister {last} called|i saw dr {last} yesterday|ask mrs {last} about it
my card number is {card}|charge it to {card}|the card is {card}|pay with visa {card}|my credit card {card} was stolen|please block {card}|use the mastercard ending in {pin}|it's {card} and the code is {pin}|{card}|the number is {card}
i'll read you my card {card} expires in may|debit card {card}|can you order it with {card}|my phone number is {phone}|call me at {phone}|you can reach me on {phone}|my mobile is {phone}|text me at {phone}|{phone} is my number
call {phone}|dial {phone}|his number is {phone}|the number is {phone}|ring me back on {phone}|{phone}|my wife's number is {phone}|my cell {phone}|send the code to {phone}|my email is {email}|write to {email}|email {email}
send it to {email}|you can reach me at {email}|it's {email}|my address is {email}|{email}|contact {email} about it|forward that to {email}|her email is {email}|sign me up with {email}|my work email {email} doesn't work
my social security number is {ssn}|my social is {ssn}|the ssn is {ssn}|my national insurance number is {ssn}|my tax id is {ssn}|my id number is {code}|my passport number is {code}|the passport is {code}|passport {code} expires soon
my driver's license is {code}|my license number is {code}|my account number is {code}|the account is {code} routing number {code}|sort code {pin} account {code}|my member id is {code}|my policy number is {code}|my medicare number is {code}
my customer account is {code} and the password is {pin}|my iban is {iban}|transfer it to {iban}|the iban is {iban}|send the money to {iban}|{iban}|my pin is {pin}|the pin for my card is {pin}|the security code is {pin}|cvv {pin}
my alarm code is {pin}|the door code is {pin}|the last four digits of my social are {pin}|my patient number is {code}|my employee number is {code}|my license plate is {code}|my wifi password is {code}
i live at {address}|my address is {address}|ship it to {address}|send a taxi to {address}|deliver to {address}|we moved to {address}|my home is at {address}|i'm at {address}|come to {address}|{address}|my mother lives at {address}
navigate to {address}|my new address is {address}|{name} lives at {address}|bill it to {address}|the address is {address}|my zip code is {zip}|my postcode is {zip}|i live in {zip}|pick me up at {address}
my birthday is {birth}|i was born on {birth}|my date of birth is {birth}|date of birth {birth}|born {birth}|dob {birth}|my son was born on {birth}|my wife's birthday is {birth}|i was born {birth} in texas|birth date {birth}
my ip address is {ip}|the server is at {ip}|ip {ip}|{medical}|{medical} what should i do|i'm worried because {medical}|{medical} and i need an appointment|can you help {medical}|is it safe to run if {medical}|well {medical} you know
{financial}|{financial} can i get a loan|{financial} is that good|you know {financial}|should i worry because {financial}|{financial} what should i do|between us {financial}|write down that {financial}
hello i am {name} my number is {phone} and my email is {email}|{name} born {birth} passport {code}|put {name} {address} on the form|my name is {first} um {last} and i was born on {birth}|i'm {first} from {address}
no it's {email}|sorry i meant {phone}|the first one is {card} no wait use {card}|yes {phone}|okay so it's {ssn}|right my number {phone}|sure it's {name}|{first} {spelled}|sure {card}|the contract is in the name of {name}
"""

PUBLIC = """
my order number is {code}|order {digits} has not arrived|where is order number {digits}|the tracking number is {digits}|the confirmation code is {code}|invoice {digits} is wrong|ticket number {digits}|my ticket is {digits}
room {room} please|i'm in room {room}|the meeting is in room {room}|my flight is {flight}|flight {flight} is late|is flight {flight} on time|gate {room}|bus {small} to town|take highway {small}|channel {small}|platform {small}
in {year} we moved|what happened in {year}|the crash of {year}|i bought it in {year}|since {year}|who won in {year}|the summer of {year}|songs from {year}|the year {year}|it was {year} or {year}
it costs {money}|that's {money}|i paid {money} for shoes|is {money} too much for a sofa|a budget of {money}|how much is {money} in yen|flights under {money}|the price went from {money} to {money}|under {money} please
the dot com boom|after the dot com bubble|during the dot com crash of {year}|what was the dot com boom|look at amazon dot com|i read it on wikipedia dot org|go to nytimes dot com|open youtube dot com|is {brand} dot com down|buy it at {brand} dot com
we met at the dot com conference|the password must have eight characters|how do i change my password|forgot my pin|what is a cvv|how many digits has a credit card|where is the number on my card|what is an iban|is my card active
set a timer for {small} minutes|count from {small} to {small}|{small} plus {small}|what's {small} times {money}|play channel {room}|page {room} of the book|chapter {small}|version {small} point {small}|model {code}|the serial number is {code}
what's the population of {year} rome|it has {big} inhabitants|the distance is {big} miles|{big} people voted|the stadium seats {big}|one two three four five six seven|testing one two three|five four three two one go|two three four
the score was {small} to {small}|set the temperature to {small}|add {small} eggs|{small} percent of {big}|wake me at {small} thirty|the recipe needs {big} grams|aisle {small}|extension cord {small} meters|my shoe size is {small}
what is diabetes|is asthma hereditary|how is cancer treated|symptoms of {condition}|what causes {condition}|who discovered insulin|is there a cure for {condition}|the history of {condition}|famous people with {condition}|how does {drug} work
what does a doctor earn|how do mortgages work|what is a good credit score|what's the average salary of a teacher|how much does the president make|explain bankruptcy|what's my balance|how do i open a bank account|what are taxes
how do i fix my credit score|i'm sick of this song|this is killing me|i'm dying of laughter|that's insane|i have a headache of a job|i'm hungry|i'm home|i'm late|this is great|call me later|call me when it's done|i'm good thanks
who is {famous}|how old is {famous}|play {famous}|play songs by {famous}|when was {famous} born|when did {famous} die|what did {famous} invent|read me a poem by {famous}|movies with {famous}|is {famous} still alive|{famous} biography
where does {famous} live|what's the address of the white house|where is times square|directions to the airport|how far is main street|what's the zip code of chicago|phone number of the nearest pharmacy|is there a bank near me
what does the name mean|what's my name|what's your name|do you know my name|what's a good name for a dog|say my name|how do you spell banana|spell necessary|what is your email|read my email|any new email|check my email
send an email|call my mom|text my wife|remind my husband to eat|is my brother home|the f b i|watch n b a|turn on the t v|a b c d e f g|what does u s a stand for|d n a test|buy a p c|the i r s|it's a b and c|plan b|vitamin d
when is my birthday|when is mother's day|how many days until my birthday|happy birthday song|set an alarm for may third|on june {small}|the fourth of july|born to run|a date in {year}|the appointment is on march first at {small}
what's my ip address|what is an ip|dot the i|polka dot dress|connect the dots|meet me at the corner|at noon|at the end of the day|look at that|at the office|the doctor is in|street food|drive slowly|way to go|a road trip|court is closed
my code has {small} errors|a row of {small} seats|license to kill|passport control is slow|do i need a passport for {year}|renew my passport|where can i get a driver's license|what is a social security number|the social network|social media
my wife is at work|my son likes dinosaurs|my mother is visiting|my dog is called to dinner|tell me about queen elizabeth|the shining|sherlock holmes|the smith family robinson|what would jesus do|the washington monument|paris is nice
"""

FAMOUS = (
    "albert einstein;beyonce;taylor swift;barack obama;napoleon;isaac newton;marie curie;the beatles;michael jackson;elvis presley;shakespeare;"
    "leonardo da vinci;cleopatra;frida kahlo;steve jobs;elon musk;queen victoria;mozart;bob dylan;adele;ed sheeran;david bowie;tom hanks;"
    "meryl streep;serena williams;lionel messi;cristiano ronaldo;nelson mandela;martin luther king;george washington;abraham lincoln;"
    "julius caesar;johnny cash;john lennon;frank sinatra;miles davis;agatha christie;jane austen;charles darwin;stephen king;oprah winfrey"
).split(";")
BRANDS = (
    "amazon ebay google netflix walmart wikipedia reddit booking facebook twitter spotify ikea target costco expedia".split()
)


def _public(slot: str, rng: random.Random, values: Values, aloud: bool) -> str:
    number = {"small": (1, 60), "room": (100, 999), "year": (1920, 2030), "big": (1000, 900_000)}
    if slot in number:
        n = rng.randrange(*number[slot])
        if not aloud:
            return f"{n:,}" if slot == "big" else str(n)
        return spoken.year(n) if slot == "year" else spoken.house_number(str(n), rng) if slot == "room" else spoken.cardinal(n)
    if slot == "digits":
        value = "".join(rng.choice("0123456789") for _ in range(rng.randrange(4, 11)))
        return spoken.digits(value, rng, slips=False) if aloud else value
    if slot == "code":
        return values.code(rng, aloud)
    if slot == "flight":
        value = rng.choice(("BA", "UA", "LH", "AF", "KL", "DL")) + str(rng.randrange(10, 9999))
        return spoken.code(value, rng) if aloud else value
    if slot == "money":
        n = rng.choice((9, 15, 20, 49, 99, 120, 250, 399, 899, 1299, 2500, 15_000))
        return (
            f"{spoken.cardinal(n)} {rng.choice(('dollars', 'euros', 'pounds', 'bucks'))}"
            if aloud
            else rng.choice((f"${n:,}", f"{n} euros", f"£{n}.99"))
        )
    lists = {"condition": CONDITIONS, "drug": DRUGS, "famous": FAMOUS, "brand": BRANDS}
    return rng.choice(lists[slot])


def _fill(template: str, rng: random.Random, values: Values, aloud: bool, *, private: bool) -> Example:
    text, spans = "", []
    for part in re.split(r"(\{\w+\})", template):
        if not part.startswith("{"):
            text += part
            continue
        slot = part[1:-1]
        value = getattr(values, slot)(rng, aloud) if private else _public(slot, rng, values, aloud)
        value = " ".join(value.split())
        if private:
            spans.append(LabelledSpan(len(text), len(text) + len(value), TAG_OF[slot]))
        text += value
    return Example(text=text, source="private" if private else "near_miss", spans=tuple(spans))


def _templates(block: str) -> list[str]:
    return [template.strip() for line in block.strip().splitlines() for template in line.split("|") if template.strip()]


def generate(count: int, rng: random.Random) -> Iterator[Example]:
    """``count`` examples, a little more than half of them private, three in five spoken."""
    values = Values(rng.randrange(1 << 30))
    private, public = _templates(PRIVATE), _templates(PUBLIC)
    for _ in range(count):
        aloud = rng.random() < 0.6
        hides = rng.random() < 0.55
        yield _fill(rng.choice(private if hides else public), rng, values, aloud, private=hides)


PRESIDIO_TAG = {
    "PERSON": "name", "STREET_ADDRESS": "address", "CREDIT_CARD": "number", "PHONE_NUMBER": "number", "EMAIL_ADDRESS": "email", "IBAN_CODE": "number",
    "US_SSN": "number", "IP_ADDRESS": "number", "US_DRIVER_LICENSE": "number", "ZIP_CODE": "address",
}  # fmt: skip
"""Presidio's entities → tags. Its places, organisations, titles and dates are not private by themselves."""


def presidio(rows: Iterable[dict[str, Any]]) -> Iterator[Example]:
    """Rows of pii_written.json as examples."""
    for row in rows:
        spans = [
            LabelledSpan(span["start_position"], span["end_position"], PRESIDIO_TAG[span["entity_type"]])
            for span in row["spans"]
            if span["entity_type"] in PRESIDIO_TAG
        ]
        yield Example(text=row["full_text"], source="pii_written", spans=tuple(sorted(spans, key=lambda s: s.start)))
