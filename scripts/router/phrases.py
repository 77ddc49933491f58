"""Requests for the classes of which the public sets have few: a small grammar, filled at random.

``{slot}`` is drawn from ``SLOTS``, and may hold slots itself. The values are ordinary words; nothing is taken from a test set.
"""

import random
import re
from collections.abc import Iterator

from voice.route.labels import Task

SLOTS: dict[str, tuple[str, ...]] = {
    "please": ("", "", "", "please ", "can you ", "could you ", "i want you to ", "i need you to ", "hey ", "would you "),
    "lang": tuple("python;javascript;java;rust;c++;bash;sql;typescript;go;swift;c;kotlin;ruby;php;matlab;r;html and css;excel".split(";")),
    "unit": tuple(
        "function;script;program;class;method;unit test;regular expression;query;loop;small app;decorator;snippet;api endpoint;macro".split(";")
    ),
    "job": tuple(
        "reverses a string;sorts a list of numbers;finds the largest prime below a thousand;parses a csv file;downloads a web page;"
        "removes duplicates from a list;checks if a word is a palindrome;reads a json file;counts the words in a file;"
        "connects to a database;sends an email;computes the fibonacci numbers;merges two sorted arrays;renames all my photos by date;"
        "validates an email address;inverts a binary tree;shuffles a deck of cards;converts celsius to fahrenheit;draws a bar chart;"
        "scrapes the headlines of a site;finds the shortest path in a graph;backs up a folder every night;prints hello world;"
        "multiplies two matrices;groups the rows by month;flattens a nested list;logs in a user;resizes images".split(";")
    ),
    "bug": tuple(
        "a null pointer exception;an index out of range error;a segmentation fault;a type error;a merge conflict;a memory leak;"
        "an infinite loop;a syntax error;a key error;a stack overflow;an undefined variable;a race condition;a cors error".split(";")
    ),
    "concept": tuple(
        "recursion;a pointer;a closure;a hash map;async and await;a virtual environment;garbage collection;a rest api;a left join;"
        "inheritance;a lambda;list comprehensions;a mutex;docker compose;git rebase;big o notation;dependency injection".split(";")
    ),
    "genre": tuple(
        "essay;short story;poem;blog post;speech;fairy tale;song;cover letter;article;screenplay;bedtime story;report;newsletter;"
        "toast;review;product description;press release;sonnet;limerick;haiku;dialogue;rap;monologue;eulogy;sermon;scene;"
        "letter of complaint;thank you letter;wedding speech;job advertisement;chapter of a novel;research proposal".split(";")
    ),
    "subject": tuple(
        "a dragon who is afraid of fire;the sea in winter;climate change;my grandmother's garden;a robot that learns to paint;friendship;"
        "the history of chocolate;two brothers and a lost dog;artificial intelligence in schools;the first day of school;a trip to mars;"
        "working from home;a lighthouse keeper;the benefits of walking;an old bookshop;healthy eating;the french revolution;a talking cat;"
        "electric cars;city life;moving to a new country;a detective in venice;the night sky;learning an instrument;a haunted hotel;"
        "volunteering;our new coffee machine;a knight without a horse;social media;the olympics;love and loss;spring;remote islands".split(";")
    ),
    "style": ("", "", "", " in {n} words", " in the style of a pirate", " for children", " of about {n} words", " that rhymes", " for my class", " with a twist", " with a happy ending", " from the point of view of a child"),
    "n": ("two hundred", "three hundred", "five hundred", "800", "a thousand", "1500", "two thousand", "250"),
    "plan": tuple(
        "a seven day trip to japan;a week of healthy dinners;a birthday party for a six year old;a training plan for a marathon;"
        "a lesson on fractions;a weekend in lisbon;a monthly budget for a family of four;a business plan for a bakery;a study schedule;"
        "a workout routine for beginners;an itinerary for ten days in italy;a meal plan without meat;a garden for a small balcony;"
        "a marketing campaign;a syllabus for a history course;a project timeline;a scavenger hunt;a fundraising event;a team meeting agenda;"
        "a packing list for a hiking trip;a quiz night;a road trip along the coast;a cleaning rota".split(";")
    ),
    "why": tuple(
        "the sky is blue;the roman empire fell;cats purr;inflation rises;leaves change colour;we dream;stars twinkle;languages die out;"
        "the ocean is salty;some people are left handed;bread rises;birds migrate;wars start;the moon has phases;metals conduct electricity;"
        "housing is so expensive;we have leap years;coffee keeps us awake;planes can fly;ice floats;people procrastinate;volcanoes erupt".split(";")
    ),
    "how": tuple(
        "vaccines work;a jet engine works;black holes form;photosynthesis works;the stock market works;a blockchain works;tides work;"
        "the immune system fights a virus;memory works;a heat pump works;elections work in germany;neural networks learn;wine is made;"
        "the electoral college works;glaciers shape valleys;solar panels make electricity;supply and demand set prices;muscles grow;"
        "noise cancelling headphones work;the european union makes laws;bees make honey;gps works;mortgages work;evolution works".split(";")
    ),
    "task_howto": tuple(
        "change a flat tyre;remove a red wine stain;train a puppy;start a vegetable garden;learn to play the guitar;fix a leaking tap;"
        "prepare for a job interview;save energy at home;sleep better;deal with a difficult colleague;grow tomatoes;get rid of ants;"
        "lose weight;learn spanish quickly;ask for a raise;start running;make friends in a new city;stop procrastinating;bake sourdough bread;"
        "unclog a drain;invest for the first time;calm a crying baby;write a good cv;paint a room;meditate;choose a laptop;repot a plant".split(";")
    ),
    "thing_a": tuple("tea;a laptop;renting;the train;a gas stove;yoga;a cat;android;paper books;nuclear power;democracy;a savings account;stoicism;oil paint;java".split(";")),
    "thing_b": tuple("coffee;a tablet;buying;the plane;an induction hob;pilates;a dog;an iphone;e-readers;wind power;a monarchy;stocks;epicureanism;watercolour".split(";")),
    "era": tuple(
        "the second world war;the industrial revolution;the cold war;the renaissance;the great depression;the fall of the berlin wall;"
        "the french revolution;the roman empire;the american civil war;colonialism;the space race;the reformation;brexit;apartheid".split(";")
    ),
    "idea": tuple(
        "quantum mechanics;relativity;existentialism;game theory;the trolley problem;inflation;natural selection;free will;entropy;"
        "utilitarianism;plate tectonics;the placebo effect;capitalism;dark matter;string theory;herd immunity;buddhism;modern art".split(";")
    ),
    "text": tuple(
        "the following paragraph;this email;this sentence;the text below;the article i just read;this review;my last message;this document;"
        "these notes;the following tweet;this conversation;that paragraph;the meeting notes;this letter;the following list".split(";")
    ),
    "what": tuple(
        "names;dates;phone numbers;place names;key points;action items;companies;verbs;prices;keywords;topics;questions;adjectives;"
        "email addresses;countries;deadlines;ingredients;people mentioned;numbers;main ideas".split(";")
    ),
    "classify": tuple(
        "positive or negative;spam or not;a complaint or a compliment;a question or a statement;formal or informal;fact or opinion;"
        "sarcastic;grammatical;toxic;about sports or politics;urgent or not;true or false according to it;the same in meaning".split(";")
    ),
    "target": tuple("spanish;french;german;italian;portuguese;japanese;chinese;latin;dutch;polish;plain english;turkish;arabic;hindi".split(";")),
    "quote": tuple(
        "the train leaves at nine;i would like a coffee;where is the nearest bank;the meeting went well but the budget was cut;"
        "we loved the food and hated the noise;good morning how are you;the dog ate my homework;it was raining all day in london;"
        "anna and peter met in vienna in june;the product arrived broken and nobody answered;me and him goes to school;their going too fast".split(";")
    ),
    "a": tuple("3;four;5;six;seven;8;twelve;15;twenty;24;thirty;40;sixty;75;ninety".split(";")),
    "b": tuple("2;three;4;five;6;nine;ten;12;eighteen;25;fifty;60;eighty;a hundred;150".split(";")),
    "goods": tuple("apples;pencils;marbles;books;tickets;cookies;eggs;bottles;stamps;chairs;shirts;toys;cupcakes;roses;coins".split(";")),
    "who": tuple("maria;tom;a farmer;sarah;a shopkeeper;two friends;a factory;john;a teacher;lena;a baker;omar;each student;a driver".split(";")),
    "town": tuple("boston;new york;paris;lyon;station a;town b;madrid;leeds;chicago;the airport;the coast".split(";")),
    "entity": tuple(
        "france;japan;the eiffel tower;mount everest;australia;the amazon;canada;a blue whale;the moon;brazil;jupiter;the great wall;"
        "gold;a light year;the titanic;egypt;a cheetah;the pacific ocean;iceland;mozart;einstein;shakespeare;the mona lisa;wikipedia".split(";")
    ),
    "attr": tuple("capital;population;height;currency;age;size;weight;length;speed;area;distance;official language;boiling point;symbol;national anthem;tallest building".split(";")),
    "deed": tuple("write hamlet;paint the mona lisa;invent the telephone;win the last world cup;discover penicillin;direct jaws;sing thriller;walk on the moon first;found microsoft;play batman;compose the four seasons;build the pyramids".split(";")),
    "nonsense": tuple(
        "blue seven quickly the the under;purple monkey dishwasher;la la la la;uh the thing with the;fjord banana elbow tuesday;"
        "asdf jkl;blah blah blah;and then so the of;mmm hmm the for;wibble wobble flop;table run green because;to the by with it".split(";")
    ),
    "chore": tuple(
        "make me a sandwich;walk my dog;do the dishes by hand;give me a massage;drive my kids to school;cut my hair;iron my shirts;"
        "fly to the moon;lend me money;fix the roof;deliver my baby;predict the lottery numbers;hack my neighbour's wifi;read my mind;"
        "carry the groceries upstairs;mow the lawn yourself;hug me;taste this soup;bring back my ex".split(";")
    ),
    "company": tuple("my bank;my insurance;my employer;the tax office;my landlord;the hospital;the airline;my phone company;the university;the court".split(";")),
    "record": tuple("my balance;my claim;my vacation days;my refund;my lease;my test results;my miles;my contract;my grades;my case;my last payment;my application".split(";")),
}  # fmt: skip

TEMPLATES: dict[Task, tuple[str, ...]] = {
    Task.CODE: (
        "{please}write a {lang} {unit} that {job}", "{please}write {lang} code that {job}", "how do i write a {unit} in {lang} that {job}",
        "{please}fix {bug} in my {lang} code", "why do i get {bug} in {lang}", "{please}explain {concept} in {lang}",
        "what is the difference between {concept} and {concept} in programming", "{please}debug this {lang} {unit}",
        "refactor this {unit} so that it {job}", "{please}convert this {lang} {unit} to {lang}", "what does this {lang} code do",
        "how can i use {concept} in {lang}", "give me an sql query that {job}", "{please}add comments to this {unit}",
        "complete this {lang} {unit} which {job}", "{please}create a {lang} {unit} which {job}", "show me how to {job2} in {lang}",
        "implement a {unit} that {job} without a library", "there is {bug} in line {a} how do i fix it", "write tests for the {unit} that {job}",
        "generate a {unit} based on the description", "find the bug in this {unit}", "is there {bug} in the following code",
        "write a command that {job}", "make this {lang} loop faster", "{please}code a {unit} in {lang}",
    ),
    Task.LONG_FORM: (
        "{please}write {an} {genre} about {subject}{style}", "{please}compose {an} {genre} about {subject}", "{please}plan {plan}",
        "{please}tell me a long story about {subject}", "i need {an} {genre} on {subject}{style}", "{please}draft {an} {genre} about {subject}",
        "{please}create {plan}", "{please}help me write {an} {genre} for {subject}", "{please}come up with {plan}",
        "make up a story about {subject}", "brainstorm a list of ideas for {plan}", "{please}write an email to my boss about {subject}",
        "{please}write a letter to {company} about {subject}", "give me a detailed outline for {an} {genre} on {subject}", "{please}design {plan}",
        "write a conversation between two people about {subject}", "{please}put together {plan}", "generate {an} {genre} from the given facts",
        "expand this outline into {an} {genre}", "reply to this email and decline politely", "create a checklist for {plan}",
        "write ten questions for an interview about {subject}", "continue this story about {subject}", "suggest names and a slogan for {subject}",
        "{please}write {an} {genre}{style}", "create a survey about {subject}", "invent a new game about {subject}", "complete the {genre} about {subject}",
    ),
    Task.WORLD_KNOWLEDGE: (
        "why is it that {why}", "explain why {why}", "{please}explain how {how}", "how does it come that {why}", "tell me how {how}",
        "how do i {task_howto}", "what is the best way to {task_howto}", "give me some tips to {task_howto}", "how can i {task_howto}",
        "what are the pros and cons of {thing_a}", "is {thing_a} better than {thing_b}", "compare {thing_a} and {thing_b}",
        "what caused {era}", "what were the consequences of {era}", "tell me about {era}", "explain {idea} to me", "explain {idea} like i am five",
        "what do people mean by {idea}", "{please}explain {idea} in simple terms", "what should i consider when i {task_howto}",
        "should i get {thing_a} or {thing_b}", "why did {era} happen", "how did {era} change the world", "what is your opinion on {idea}",
        "describe the role of women in {era}", "what are the main arguments against {idea}", "what exercises help to {task_howto}",
        "recommend some books about {era}", "what would happen if {why2}", "who were the key figures of {era} and what did they do",
        "what are the symptoms of the flu and how is it treated", "can you recommend a good film and say why", "what can i cook with rice and beans",
        "how should i {task_howto} and why", "what is the history of {idea}", "is it a good idea to {task_howto}", "explain the meaning of this idiom",
        "what makes a good {genre}", "what are some ways to {task_howto}", "what are the laws about {idea}", "why do experts disagree about {idea}",
    ),
    Task.EXTRACTION: (
        "{please}extract the {what} from {text}", "{please}list all the {what} in {text}", "which {what} are in {text}",
        "{please}summarize {text}", "{please}summarise {text} in one sentence", "give me the gist of {text}", "is {text} {classify}",
        "tell me if {text} is {classify}", "classify {text} as {classify}", "{please}translate {text} into {target}",
        "{please}translate {quote} into {target}", "how do you say {quote} in {target}", "{please}correct the grammar in {text}",
        "correct this sentence {quote}", "{please}rewrite {text} in {target}", "rephrase {text} more politely", "{please}paraphrase {text}",
        "sort these alphabetically pear apple fig", "what is the sentiment of {text}", "what is the sentiment of {quote}",
        "pull the {what} out of {text}", "find the {what} in {quote}", "shorten {text}", "turn {text} into bullet points", "label each of the {what}",
        "which category does {text} belong to", "does {text} mention any {what}", "underline the {what} in {text}", "how many {what} are in {text}",
        "fix the spelling of {quote}", "replace all the {what} in {text}", "tag the {what} in the sentence {quote}", "is {quote} {classify}",
        "read {text} and give me the {what}", "make {text} sound more professional", "compare the two sentences and say if they mean the same",
        "which of these words is a verb run table green", "detect if {text} is {classify}", "put {text} in the past tense", "proofread {text}",
    ),
    Task.REASONING: (
        "if {who} has {a} {goods} and gives away {b} how many are left", "{who} buys {a} {goods} for {b} dollars each and pays with two hundred how much change is there",
        "a train leaves {town} at {a} and another leaves {town} at {b} when do they meet", "if {a} workers need {b} days how long do {b} workers need",
        "{who} has {a} more {goods} than {who} together they have {b} how many does each have", "solve for x if {a} x plus {b} equals {b}",
        "{who} sells {a} {goods} a day at {b} cents and pays a third in tax what is left after a week", "prove that the square root of two is irrational",
        "if all bloops are razzies and all razzies are lazzies are all bloops lazzies", "what comes next in the sequence {a} {b} {a} {b}",
        "i have {a} red socks and {b} blue ones in the dark how many must i take to have a pair", "how many ways can {a} people sit around a table",
        "three switches and one lamp upstairs how do i find the right switch with one trip", "what is the probability of rolling {a} with two dice",
        "a tank fills in {a} hours and empties in {b} how long until it is full", "{who} drives {a} miles at {b} miles an hour then rests how long is the trip",
        "if the day after tomorrow is {b} days before my birthday and today is monday when is it", "work out step by step how much {who} earns in {a} weeks at {b} an hour with {a} percent tax",
        "{who} is twice as old as {who} was {a} years ago how old are they", "a farmer must cross the river with a wolf a goat and a cabbage how",
        "find all numbers below {b} whose digits add to {a}", "is the following argument valid and why", "derive the formula for compound interest",
        "solve this riddle and explain each step", "a rectangle is {a} by {b} if both sides grow by ten percent how much does the area grow",
        "solve the system of equations two x plus y is {a} and x minus y is {b}", "answer the maths problem and show your steps",
        "{who} reads {a} pages on monday and twice as many each day how many by friday", "which is the odd one out and why {goods} {goods} {entity}",
        "decide if the conclusion follows from the premises", "how many {goods} fit if each box takes {a} and there are {b} boxes of which {a} are half full",
    ),
    Task.SHORT_FACTUAL: (
        "what is the {attr} of {entity}", "what's the {attr} of {entity}", "how tall is {entity}", "how old is {entity}", "who did {deed}", "when did someone {deed}",
        "who was the first to {deed}", "how far is it to {town}", "what is {a} times {b}", "what is {a} plus {b}", "what is {a} percent of {b}", "how many {goods} are in a dozen",
        "what's the weather in {town}", "will it rain in {town} tomorrow", "how much is {a} dollars in euros", "convert {a} miles to kilometers", "where is {entity}", "define {idea}",
        "how do you spell necessary", "what does serendipity mean", "what's playing at the cinema tonight", "when does the pharmacy close", "who is the president of {entity}",
        "when was {entity} born", "what movies are on near me", "find film times for tonight", "is there a train to {town}", "what's the news", "how many calories in a banana",
    ),
    Task.CHIT_CHAT: (
        "hello", "hi there", "good morning", "how are you", "how's it going", "thanks a lot", "thank you", "you're funny", "tell me a joke", "tell me a joke about {goods}", "what's your name", "are you a robot",
        "do you like {goods}", "i'm bored", "i'm so tired today", "i had a great day", "good night", "see you later", "never mind", "yes please", "no thanks", "what do you think of me",
        "do you have feelings", "can you hear me", "say that again", "what can you do", "i love you", "you are stupid", "sing me a song", "that's nice", "okay", "cool", "really", "who made you",
        "knock knock", "tell me a knock knock joke", "tell me something funny", "i feel lonely", "what's up", "are you smarter than {who}", "guess what", "happy birthday", "haha", "sorry about that",
    ),
    Task.DEVICE_COMMAND: (
        "turn on the lights", "turn off the {room} light", "dim the {room} lights to {a} percent", "open the {room} blinds", "close the garage door", "is the {room} window open", "play some jazz",
        "play the song {subject}", "pause the music", "volume up", "set the volume to {a}", "skip this track", "call mom", "call the dentist", "send a text to my wife", "add {goods} to the shopping list",
        "what's on my shopping list", "lock the front door", "set the thermostat to {b}", "start the vacuum", "make coffee", "order a pizza", "book a table for {a} at an italian place", "get me a taxi",
        "read my emails", "turn the heating down in the {room}", "is the washing machine done", "which lights are on", "switch to channel {a}", "add this song to my playlist", "rate this book {a} stars",
        "how warm is it in the {room}", "start the dishwasher", "stop", "mute", "arm the alarm system", "what is the temperature of the {room}", "find the album {subject}", "show me the tv series {subject}",
        "broadcast that dinner is ready", "is anyone home", "what is the battery level of my phone", "reserve a table for {a} people tonight", "give this novel {a} out of {b}", "find my phone",
        "look for the book {subject}", "search for the movie {subject}", "are all the doors locked", "how many windows are open", "set {room} brightness to maximum", "play the playlist {subject}",
    ),
    Task.TIMER_CALENDAR: (
        "set a timer for {a} minutes", "set an alarm for {a} am", "wake me up at {a}", "remind me to buy {goods} at {a}", "what time is it", "what day is it", "what's the date today",
        "what's on my calendar tomorrow", "add a meeting with {who} on friday at {a}", "cancel my {a} o'clock alarm", "how long is left on the timer", "when is my next appointment", "stop the timer",
        "move my meeting to {a}", "how many days until christmas", "what time is it in {town}", "remind me in {b} minutes", "pause the {a} minute timer", "delete the reminder", "am i free on monday",
        "schedule a call with {who} next week", "add {a} minutes to the timer", "snooze", "what week is it", "{a} minutes for the {goods}", "start a countdown of {b} seconds", "resume my timer",
    ),
    Task.OUT_OF_SCOPE: (
        "{nonsense}", "{chore}", "can you {chore}", "{please}{chore}", "what did {company} say about {record}", "check {record} with {company}", "ask {company} to change {record}", "{nonsense} {nonsense}",
        "has {company} processed {record}", "why did {company} refuse {record}", "how do i see {record} at {company}", "i want to talk to {company} about {record}", "when will {company} update {record}",
        "my card was declined what do i do", "why was i charged twice", "my transfer has not arrived", "i want to close my account", "how do i activate my new card", "my top up failed", "unblock my pin",
    ),
}  # fmt: skip
SLOTS["room"] = ("kitchen", "bedroom", "living room", "bathroom", "hall", "office", "garage", "attic", "nursery", "garden")


MORE: dict[Task, str] = {
    Task.EXTRACTION: """given a {doc} find the {what}|given a {doc} tell me whether it is {classify}|given a list of {goods} sort it from small to large|detect whether the {doc} is {classify}
        decide if this {doc} is {classify} and answer yes or no|output the {what} of the {doc} as a list|identify the {what} in the {doc}|label the {doc} as {classify}|here is a {doc} is it {classify}|mark every {what1} in the {doc}
        predict whether the writer of the {doc} is happy|tell me if the two sentences say the same thing answer yes or no|choose the category of the {doc} from sports politics and business|what is the main idea of the {doc}
        rank the words by length|put these names in alphabetical order {name} {name} {name}|which word in the {doc} is misspelled|remove all the {what} from the {doc}|rewrite the {doc} so that it sounds {tone}|make the {doc} shorter
        count the words in the {doc}|split the {doc} into sentences|is the customer in the {doc} satisfied|does the {doc} contain hate speech|find the subject of the sentence {quote}|say this in {target} {quote}|summarise the {doc} for me
        what language is {quote}|turn this into a question {quote}|fill in the missing word in the {doc}|give me a title for the {doc}|convert the {doc} to {tone} language|is the following claim supported by the {doc}|simplify the {doc}
        read this {doc} and answer the question about it|which of these does not belong apple pear hammer|translate hello into {target}|what's the {target} word for bread|does this {doc} sound {tone}|replace {name} with {name} in the {doc}""",
    Task.LONG_FORM: """make up {an} {genre} about {subject}|make a list of {topic}|give me a list of ideas for {topic}|make a grocery list for {topic}|write down ten {topic}|create {an} {genre} on {subject}|describe a scene with {subject}
        write a reply to this email and say no|imagine {subject} and describe it|invent {an} {genre} for {subject}|i'd like {an} {genre} about {subject}|prepare {plan}|brainstorm {topic}|suggest twenty {topic}|draft a message to my team about {subject}
        turn the following facts into {an} {genre}|you are {an} {who2} write {an} {genre}|write a description of {subject} for our website|write about {subject}|write something nice about {subject}|compose lyrics about {subject}
        create a menu for {topic}|develop a strategy for {subject}|create an outline for {plan}|plan my week|write me a bedtime story|tell me a story|make a poem for {name}|write a long text about {subject}|finish the story about {subject}
        schedule {plan} day by day|write an invitation to {topic}|write a recommendation for {an} {who2}|turn down an offer in an email|write a review of a vacuum cleaner that broke|write questions for an interview with {an} {who2}""",
    Task.WORLD_KNOWLEDGE: """explain {idea}|explain the plot of the godfather|explain the idea behind {idea}|what is the point of {idea}|how would you explain {idea} to a child|can you teach me about {idea}|recommend a film and tell me why|recommend me something to read
        what should i eat if i want to {task_howto}|how can people {task_howto}|which exercises are good for my back|suggest some games for a party|suggest hobbies for {an} {who2}|give me advice i want to {task_howto}|i feel sad what can i do
        my friend and i had a fight how do i fix it|what qualities does {an} {who2} need|what does {an} {who2} do all day|is it ethical to eat meat|what are the laws about {topic}|am i allowed to record a phone call|can i sue my neighbour for noise
        what are typical dishes of {country}|what should i see in {country}|tell me about the culture of {country}|what is life like in {country}|why do people believe in {idea}|what do you think about {idea}|in your opinion is {idea} right
        what happens when {why}|is there a reason why {why}|what is the difference between {thing_a} and {thing_b}|give me background on {era}|how did people live during {era}|why is {idea} important|what are the best universities for {idea}
        what do you know about {idea}|how do {how2}|give me a recipe with {goods}|how do i make lasagna|what goes well with fish|what are the risks of {topic}|how can companies deal with {topic}|why is {country} so rich|who were the philosophers behind {idea}""",
    Task.REASONING: """answer this math problem and write down each step|solve the following word problem|find the value of x and show how|given a set of numbers find the pairs that add up to {a}|solve this equation step by step|decide whether the argument is logical
        {name} has {a} {goods} {name} has twice as many how many together|if i drive {a} miles in {b} minutes what is my speed|i spend a third of my money and then half of the rest and have {a} left how much did i have|calculate the total if {a} {goods} cost {b} dollars and there's a discount
        is it true that if no cats are dogs then no dogs are cats|how many squares are on a chessboard|i have {a} coins worth {b} cents which coins are they|a snail climbs {a} feet a day and slips back {b} at night when is it out of the well
        what is the next number {a} {b} {a}|in how many ways can i give change for a dollar|{name} is older than {name} and {name} is older than {name} who is the youngest|work this out for me and explain your steps {a} {goods} shared by {b} people
        prove that there are infinitely many primes|find the derivative of x squared times sine x|if {a} cats catch {a} mice in {a} minutes how long do {b} cats need|the sum of two numbers is {b} and their difference is {a} find them|solve this logic puzzle""",
    Task.CODE: """write code to {job2}|write me some {lang} to {job2}|my {lang} {unit} crashes with {bug}|what's wrong with this {lang} code|explain what this {unit} does|how do i {job2} in {lang}|rewrite this in {lang}|optimise this {lang} query|write a program to {job2}
        suggest a fix for this {unit}|is this valid {lang}|finish the {lang} code below|check this {unit} for errors|why does my {unit} return none|how do i install a {lang} package|make a web page with a button|write a formula for a spreadsheet that sums a column
        turn this sentence into a sql query|what's the time complexity of this {unit}|add type hints to this {unit}|how do i undo a git commit|how do i center a div|explain {concept} with an example|generate {lang} code for a calculator""",
    Task.DEVICE_COMMAND: """rate {work} {a} out of {b}|i give {work} {a} stars|rate this {workkind} {a} points|{work} deserves a rating of {a}|give {work} a score of {a} out of 6|my rating for the {workkind} {work} is {a}|i'd rate the last {workkind} zero|this {workkind} gets {a} of 6 points
        are any {sensor} on|is there any {gas} in the {room}|which {opening} are {state}|is the {room} {opening1} {state}|are all {opening} {state}|how many {opening} are {state}|is the {room} motion sensor on|which lights are off|is the battery low|what is the {room} humidity
        go back|never mind stop that|unlock the {room} door|set the fan speed to {a}|pull the blinds halfway|find the {workkind} {work}|show me the {workkind} called {work}|where can i watch {work}|look up the {workkind} {work}|i want to listen to {work}|open the app {work}
        i'd like to eat at a restaurant with {a} people tonight|book me a spot at a diner for {a}|make a reservation for {name} and me|add this tune to my {work} playlist|put {work} in my list|play the newest album of the band|play something from the eighties|turn it up|next|pause
        take a picture|open the camera|turn on airplane mode|is my phone charging|send {name} my location|check my mailbox|start the car|turn on the tv|set the lamp to red|activate the scene movie night|vacuum the {room}""",
    Task.SHORT_FACTUAL: """what time is {work} playing|when does {work} start at the cinema|which movies are showing around here|find the schedule for {work} at the theatre|is {work} playing nearby|how warm is it in {town}|forecast for {town} in {b} hours|will there be snow in {country} next week
        is it windy at the beach|what's the temperature outside|who wrote {work}|who plays the lead in {work}|when did {work} come out|how many episodes are in {work}|what year did {era} begin|how long is a marathon|what is the tallest mountain|what's the capital of {country}
        what language do they speak in {country}|who discovered {country}|how many people live in {country}|what's the exchange rate of the yen|how do i get to {town}|how's the traffic to {town}|what does {idea} mean|what is the definition of {idea}|convert {a} degrees to celsius|converting {a} pounds to kilos
        in which year did {name} win the cup|find a good restaurant nearby|any events this weekend in {town}|what's {a} divided by {b}|square root of {b}|how many ounces in {a} pounds|how many days are in a leap year|when is sunset|stock price of apple|what's in the news""",
    Task.CHIT_CHAT: """that was great|you did a good job|what do you like|tell me about yourself|do you dream|are you human|how old are you|where do you live|i am happy|i had a bad day|my day was long|let's talk|what's your favourite colour|make me laugh|say something|who's there|i don't care
        wrong|that's right|correct|no that is not what i meant|could you repeat that|i did not understand|please rephrase|what did you say|flip a coin|roll a die|i miss you|merry christmas|good afternoon|bye|hey you|you're welcome|whatever you want|both are fine""",
    Task.TIMER_CALENDAR: """decrease the {goods} timer by {a} minutes|status of the {room} timer|how much time is left|take {a} minutes off the timer|what's my next meeting|when does my shift start|put {name}'s party in the calendar|which alarms are set|wake me in {b} minutes
        what is the time|what's today|which day of the week is it|do i have anything on friday|set a reminder for tonight|repeat the alarm every weekday|cancel everything on monday|how long until {a} o'clock|timer {b} minutes|add lunch to my schedule""",
    Task.OUT_OF_SCOPE: """what's the status of my {record2}|how do i dispute a charge|my refund is missing from my statement|why is my account frozen|i need to raise my credit limit|how many vacation days do i have left|submit my time off|where is my w-2|what is my policy deductible
        the machine kept my card|why was a fee added|how do i verify my identity in the app|my payment is pending|top up by bank transfer|is my card on its way|{nonsense} please {nonsense}|can you physically {chore}|change the weather|do my job for me""",
}
SLOTS |= {
    "doc": tuple("sentence;paragraph;email;review;article;tweet;text;dialogue;comment;headline;document;passage;message;post;quote;abstract;transcript;description".split(";")),
    "what1": ("verb", "name", "date", "place", "adjective", "number", "company"),
    "tone": ("formal", "friendly", "professional", "polite", "casual", "simple", "confident", "passive-aggressive"),
    "name": tuple("anna;tom;maria;peter;li;omar;sofia;jack;emma;noah;priya;lucas".split(";")),
    "topic": tuple("new year's resolutions;a picnic;team building;birthday presents;healthy snacks;conversation starters;a barbecue for ten;date nights;a healthy week;questions for my doctor;party games;names for a cat;a housewarming party;privacy;remote work;minimum wage;plastic waste;stress at work".split(";")),
    "who2": ("teacher", "coach", "nurse", "manager", "student", "engineer", "chef", "pirate", "tour guide", "parent", "beginner", "retiree"),
    "country": tuple("france;japan;mexico;india;germany;brazil;kenya;norway;egypt;canada;vietnam;italy;peru;turkey;iceland;morocco".split(";")),
    "how2": ("vaccines work", "tides form", "banks make money", "fish breathe", "computers store data", "trees drink", "planes stay up", "glasses correct sight"),
    "work": tuple("the silent river;midnight garden;a thousand doors;lost in orbit;the last violin;blue harvest;summer of stone;the clockmaker;paper moons;winter's edge;call of the north;the good neighbour;seven letters;under glass;the essay;notes from nowhere;code of silence;the long form;ten steps;the translator".split(";")),
    "workkind": ("book", "novel", "textbook", "essay", "series", "saga", "chronicle", "album", "movie", "tv show", "song", "picture", "game", "podcast", "soundtrack", "trailer"),
    "sensor": ("smoke detectors", "motion sensors", "gas sensors", "carbon monoxide sensors", "cameras", "sprinklers", "heaters", "fans"),
    "gas": ("smoke", "gas", "carbon monoxide", "moisture", "motion", "noise", "light"),
    "opening": ("doors", "windows", "curtains", "blinds", "locks", "garage doors", "valves", "things", "devices", "pipes"),
    "opening1": ("door", "window", "curtain", "lock", "valve", "shutter"),
    "state": ("open", "closed", "locked", "unlocked", "shut", "warm", "cold", "on", "connected", "hot", "frozen"),
    "record2": ("claim", "loan application", "mortgage", "insurance", "tax return", "wire transfer", "chargeback", "benefits", "payslip"),
}  # fmt: skip
TEMPLATES = {
    task: (
        *templates,
        *(" ".join(part.split()) for line in MORE.get(task, "").split("\n") for part in line.split("|") if part.strip()),
    )
    for task, templates in TEMPLATES.items()
}


def _fill(template: str, rng: random.Random) -> str:
    def slot(match: re.Match[str]) -> str:
        name = match[1]
        if name == "an":
            return "a"
        if name == "job2":
            return re.sub(r"^(\w+?)s\b", r"\1", rng.choice(SLOTS["job"]))
        if name == "why2":
            return f"it were not true that {rng.choice(SLOTS['why'])}"
        return _fill(rng.choice(SLOTS[name]), rng)

    text = re.sub(r"\{(\w+)\}", slot, template)
    return re.sub(r"\ba ([aeiou])", r"an \1", text)


def generate(per_class: int, rng: random.Random) -> Iterator[tuple[str, Task]]:
    """``per_class`` requests of each class, in no particular order, some of them twice."""
    for _ in range(per_class):
        for task, templates in TEMPLATES.items():
            yield _fill(rng.choice(templates), rng), task
