"""Easy questions with known answers, made from tables: what people ask an assistant, from a child's sums to a quiz.

A table holds ``key=accept`` pairs; ``accept`` is a regular expression on the answer, ``|`` between ways to say it. Each key is
put into one of several phrasings. The tables differ in how hard they are for a small model, on purpose.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from voice.core.interfaces import Message


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation that ends with a question, and how to tell a right answer (a regular expression, case ignored)."""

    source: str
    messages: tuple[Message, ...]
    accept: str

    @property
    def text(self) -> str:
        """What is asked last."""
        return self.messages[-1].text


TABLES: dict[str, tuple[str, str]] = {
    "capital": (
        "What is the capital of {}?|What's the capital of {}?|Which city is the capital of {}?|Tell me the capital of {}.",
        "France=paris;Germany=berlin;Italy=rome;Spain=madrid;England=london;Japan=tokyo;China=beijing;Russia=moscow;Greece=athens;"
        "Poland=warsaw;Austria=vienna;Hungary=budapest;Portugal=lisbon;Ireland=dublin;Denmark=copenhagen;Finland=helsinki;Canada=ottawa;"
        "Cuba=havana;Peru=lima;Kenya=nairobi;India=(new )?delhi;Iran=teh?ran;Iraq=baghdad;Turkey=ankara;Thailand=bangkok;Vietnam=hanoi;"
        "Chile=santiago;Belgium=brussels;Ukraine=k[yi]i?e?v;Morocco=rabat;Nigeria=abuja;Australia=canberra;Argentina=buenos;Brazil=bras[ií]lia;"
        "Switzerland=bern;Scotland=edinburgh;Wales=cardiff;Iceland=reykjav;Croatia=zagreb;Serbia=belgrade;Romania=bucharest;Bulgaria=sofia;"
        "Mexico=mexico city;Colombia=bogot;Venezuela=caracas;Ecuador=quito;South Korea=seoul;Mongolia=ulaan;Nepal=kath?mandu;"
        "Pakistan=islamabad;New Zealand=wellington;Philippines=manila;Indonesia=jakarta|nusantara;Saudi Arabia=riyadh;Ethiopia=addis;Ghana=accra",
    ),
    "state capital": (
        "What is the capital of {}, the American state?|Which city is the state capital of {}?",
        "California=sacramento;Texas=austin;Florida=tallahassee;Georgia=atlanta;Colorado=denver;Arizona=phoenix;Hawaii=honolulu;Alaska=juneau;"
        "Massachusetts=boston;New York=albany;Illinois=springfield;Ohio=columbus;Tennessee=nashville;Oregon=salem;Washington=olympia;"
        "Louisiana=baton rouge;Nevada=carson;Michigan=lansing",
    ),
    "currency": (
        "What is the currency of {}?|What money do they use in {}?|Which currency is used in {}?|What do people pay with in {}?",
        "Japan=yen;the United States=dollar;France=euro;India=rupee;China=yuan|renminbi;Russia=r(o)?uble;Mexico=peso;Switzerland=franc;"
        "Sweden=kron;Denmark=kron;Germany=euro;Canada=dollar;Australia=dollar;Brazil=real;South Africa=rand;Turkey=lira;Poland=z[lł]oty;"
        "Thailand=baht;South Korea=won\\b;Israel=shekel;Hungary=forint;Vietnam=dong;Egypt=pound;Czechia=koruna|crown;Argentina=peso",
    ),
    "language": (
        "What language is spoken in {}?|What language do people speak in {}?|Which language do they speak in {}?",
        "Brazil=portuguese;France=french;Germany=german;Japan=japanese;Argentina=spanish;Egypt=arabic;Russia=russian;Italy=italian;"
        "China=chinese|mandarin;Portugal=portuguese;Greece=greek;Iran=persian|farsi;Israel=hebrew;Poland=polish;Cuba=spanish;Chile=spanish;"
        "Turkey=turkish;Denmark=danish;Thailand=thai;Australia=english;Angola=portuguese;Morocco=arabic|berber;Vietnam=vietnamese",
    ),
    "opposite": (
        "What is the opposite of {}?|What's the opposite of {}?|Give me the opposite of {}.|Which word is the opposite of {}?",
        "hot=cold|cool;big=small|little|tiny;up=down;black=white;day=night;fast=slow;happy=sad|unhappy;old=young|new;rich=poor;wet=dry;"
        "open=close|shut;left=right;hard=soft|easy;light=dark|heavy;long=short;high=low;early=late;love=hate|hatred;full=empty;strong=weak;"
        "loud=quiet|silent|soft;thick=thin;inside=outside;north=south;buy=sell;win=lose|loss;push=pull;true=false;begin=end|finish|stop;near=far;"
        "clean=dirty;brave=coward|afraid|timid|fear;generous=stingy|selfish|greedy|mean;ancient times=modern|present;expand=contract|shrink;"
        "cheap=expensive|costly;sharp=dull|blunt;import=export;success=failure;victory=defeat;shallow=deep;arrive=leave|depart|departure",
    ),
    "plural": (
        "What is the plural of {}?|What's the plural of {}?|How do you say more than one {}?",
        "mouse=mice;child=children;foot=feet;tooth=teeth;man=men;goose=geese;ox=oxen;leaf=leaves;knife=knives;wolf=wolves;city=cities;"
        "baby=babies;box=boxes;woman=women;person=people|persons;cactus=cacti|cactuses;wife=wives;half=halves;potato=potatoes;berry=berries",
    ),
    "past tense": (
        "What is the past tense of {}?|What's the past tense of {}?|Put the verb {} into the past tense.",
        "run=ran;eat=ate;see=saw;come=came;take=took;write=wrote;buy=bought;think=thought;bring=brought;drink=drank;swim=swam;fly=flew;"
        "speak=spoke;break=broke;teach=taught;catch=caught;sleep=slept;begin=began;give=gave;know=knew;sing=sang;find=found;feel=felt;"
        "keep=kept;build=built;choose=chose;drive=drove;forget=forgot;hide=hid\\b;throw=threw",
    ),
    "after": (
        "What comes after {}?|What is next after {}?|Tell me what comes right after {}.",
        "Monday=tuesday;Tuesday=wednesday;Friday=saturday;Saturday=sunday;Sunday=monday;January=february;April=may\\b;June=july;August=september;"
        "October=november;December=january;the season of spring=summer;the season of summer=autumn|fall;the season of autumn=winter;"
        "the letter C=d\\b;the letter M=n\\b;the letter P=q\\b;the letter F=g\\b;the number nineteen=20|twenty\\b;the number ninety nine=100|hundred",
    ),
    "before": (
        "What comes before {}?|What is right before {}?",
        "Wednesday=tuesday;Friday=thursday;Sunday=saturday;Monday=sunday;March=february;July=june;November=october;January=december;"
        "the season of summer=spring;the season of winter=autumn|fall;the letter D=c\\b;the letter K=j\\b;the letter Z=y\\b;the number fifty=49|forty[- ]nine;"
        "the number one hundred=99|ninety[- ]nine",
    ),
    "unit": (
        "How many {}?|Can you tell me how many {}?",
        "days are in a week=7|seven;months are in a year=12|twelve;minutes are in an hour=60|sixty;seconds are in a minute=60|sixty;"
        "hours are in a day=24|twenty[- ]four;days are in a year=365;years are in a century=100|hundred;years are in a decade=10|ten;"
        "centimeters are in a meter=100|hundred;meters are in a kilometer=1000|thousand;grams are in a kilogram=1000|thousand;"
        "inches are in a foot=12|twelve;feet are in a yard=3|three;ounces are in a pound=16|sixteen;cents are in a dollar=100|hundred;"
        "items are in a dozen=12|twelve;milliliters are in a liter=1000|thousand;days are in February in a leap year=29|twenty[- ]nine;"
        "seconds are in an hour=3600|thirty[- ]six hundred;hours are in two days=48|forty[- ]eight;days are in two weeks=14|fourteen;"
        "degrees are in a right angle=90|ninety;degrees are in a circle=360;teaspoons are in a tablespoon=3|three;pints are in a gallon=8|eight;"
        "quarts are in a gallon=4|four\\b;feet are in a mile=5280;bits are in a byte=8|eight;days are in April=30|thirty\\b;days are in August=31|thirty[- ]one;"
        "years are in a millennium=1000|thousand;quarters make a dollar=4|four\\b;nickels make a dollar=20|twenty\\b;months are in half a year=6|six",
    ),
    "animal": (
        "{}?|Do you know: {}?|Tell me, {}?",
        "which animal says meow=cat;which animal barks=dog;what sound does a cow make=moo;what sound does a duck make=quack;"
        "what is a baby dog called=pup;what is a baby cat called=kitten;what is a baby cow called=calf;what is a baby sheep called=lamb;"
        "what is a baby horse called=foal|colt|filly;what is a young goat called=kid;what is a baby kangaroo called=joey;what is a baby swan called=cygnet;"
        "how many legs does a spider have=8|eight;how many legs does an insect have=6|six;how many legs does a dog have=4|four\\b;"
        "how many legs does a chicken have=2|two\\b;how many arms does an octopus have=8|eight;what do bees make=honey;what do cows drink=water;"
        "what do pandas eat=bamboo;which animal has a trunk=elephant;which animal is called the king of the jungle=lion;what is the fastest land animal=cheetah;"
        "what is a group of wolves called=pack;what is a group of fish called=school|shoal;what is a group of lions called=pride;"
        "what is a female horse called=mare;what is a male chicken called=rooster|cock;what is a female deer called=doe|hind;"
        "which animal is black and white and lives in the antarctic=penguin;what do tadpoles turn into=frog|toad;what animal does wool come from=sheep;"
        "which mammal can fly=bat;what is the largest land animal=elephant;where do birds lay their eggs=nest;what does a rabbit like to eat=carrot|grass|hay|vegetable|lettuce",
    ),
    "colour": (
        "What color {}?|Which color {}?",
        "is the sky on a clear day=blue;is grass=green;is snow=white;is a ripe banana=yellow;is blood=red;is coal=black;is a ruby=red;"
        "is an emerald=green;is a lemon=yellow;are most elephants=gr[ea]y;do you get when you mix blue and yellow=green;"
        "do you get when you mix red and yellow=orange;do you get when you mix red and blue=purple|violet;do you get when you mix red and white=pink;"
        "do you get when you mix black and white=gr[ea]y;is a stop sign=red;is chocolate=brown;is a sapphire=blue;means go at a traffic light=green;"
        "is a school bus in America=yellow|orange;is a carrot=orange;is a flamingo=pink",
    ),
    "element": (
        "What is the chemical symbol for {}?|What's the symbol of {}?|Which letters stand for {} in chemistry?",
        "gold=au\\b;silver=ag\\b;iron=fe\\b;oxygen=o2?\\b;hydrogen=h2?\\b;carbon=c\\b;sodium=na\\b;lead=pb\\b;copper=cu\\b;helium=he\\b;"
        "potassium=k\\b;calcium=ca\\b;nitrogen=n2?\\b;mercury=hg\\b;tin=sn\\b;zinc=zn\\b;chlorine=cl2?\\b;uranium=u\\b;water=h2o|h₂o;table salt=nacl",
    ),
    "space": (
        "{}?|I wonder, {}?",
        "which planet is the largest=jupiter;which planet is closest to the sun=mercury;which planet do we live on=earth;which planet is called the red planet=mars;"
        "what is the closest star to earth=sun;how many planets are in the solar system=8|eight;what goes around the earth at night=moon;"
        "which planet is farthest from the sun=neptune;which is the smallest planet=mercury;which planet is the hottest=venus;"
        "which planet comes after mars=jupiter;what galaxy do we live in=milky;who was the first man on the moon=armstrong;"
        "who was the first man in space=gagarin;how long does the earth take to go around the sun=365|year|twelve months;what force keeps us on the ground=gravit;"
        "what do we call a scientist who studies the stars=astronom;how many moons does the earth have=1|one\\b;in which direction does the sun rise=east;"
        "in which direction does the sun set=west;which planet lies between earth and mercury=venus;which dwarf planet was a planet until 2006=pluto",
    ),
    "author": (
        "Who wrote {}?|Who is the author of {}?|Which writer wrote {}?",
        "Romeo and Juliet=shakespeare;Hamlet=shakespeare;Harry Potter=rowling;The Hobbit=tolkien;Pride and Prejudice=austen;Oliver Twist=dickens;"
        "Don Quixote=cervantes;The Odyssey=homer;Moby Dick=melville;1984=orwell;Animal Farm=orwell;Frankenstein=shelley;Dracula=stoker;"
        "Alice in Wonderland=carroll;Anna Karenina=tolstoy;Crime and Punishment=dosto;The Divine Comedy=dante;Les Miserables=hugo;"
        "The Great Gatsby=fitzgerald;The Old Man and the Sea=hemingway;Tom Sawyer=twain;Jane Eyre=bront;The Raven=poe\\b;Ulysses=joyce;"
        "The Little Prince=saint-?\\s?exup;Peter Pan=barrie;The Jungle Book=kipling;Treasure Island=stevenson;Around the World in Eighty Days=verne;"
        "The Metamorphosis=kafka;To Kill a Mockingbird=lee\\b;The Lord of the Flies=golding;The Time Machine=wells;Sherlock Holmes=doyle",
    ),
    "artist": (
        "Who painted {}?|Which artist painted {}?",
        "the Mona Lisa=leonardo|vinci;the Last Supper=leonardo|vinci;the Sistine Chapel ceiling=michelangelo;Sunflowers=van gogh;The Scream=munch;"
        "Girl with a Pearl Earring=vermeer;The Night Watch=rembrandt;Water Lilies=monet;The Birth of Venus=botticelli;The Persistence of Memory=dal[ií];"
        "The Kiss, with all the gold=klimt;Campbell's Soup Cans=warhol;American Gothic=grant wood|wood\\b;Las Meninas=vel[aá]zquez",
    ),
    "composer": (
        "Who composed {}?|Which composer wrote {}?",
        "The Magic Flute=mozart;the Moonlight Sonata=beethoven;Swan Lake=tchaikovsky;The Four Seasons=vivaldi;the Ninth Symphony with the Ode to Joy=beethoven;"
        "Carmen=bizet;Messiah=handel|händel;Aida=verdi;the Ring of the Nibelung=wagner;the Brandenburg Concertos=bach;Bolero=ravel;"
        "The Nutcracker=tchaikovsky;the Barber of Seville=rossini;Rhapsody in Blue=gershwin",
    ),
    "discovery": (
        "Who {}?|Do you know who {}?|Can you tell me who {}?",
        "invented the light bulb=edison|swan;invented the printing press=gutenberg;discovered penicillin=fleming;discovered gravity=newton;"
        "came up with the theory of relativity=einstein;came up with the theory of evolution=darwin;discovered America in 1492=columbus;"
        "invented the airplane=wright;discovered radium=curie;invented dynamite=nobel;invented the steam engine=watt|newcomen;"
        "invented the World Wide Web=berners;founded Microsoft=gates|allen;founded Apple=jobs|wozniak;founded Amazon=bezos;founded Facebook=zuckerberg;"
        "was the first to sail around the world=magellan|elcano;invented the radio=marconi|tesla;made the first vaccine, against smallpox=jenner;"
        "wrote the Declaration of Independence=jefferson;led India to independence without violence=gandhi;was the first emperor of Rome=augustus;"
        "freed the slaves in America=lincoln;was the president during the Second World War in America=roosevelt|truman;"
        "was the prime minister of Britain in the Second World War=churchill;was the first woman to fly alone across the Atlantic=earhart;"
        "was the queen of Egypt who loved Mark Antony=cleopatra;was the first black president of the United States=obama;sang Thriller=jackson;"
        "was the singer of Queen=mercury;were the four members of the Beatles, name one=lennon|mccartney|harrison|starr;sang Like a Virgin=madonna",
    ),
    "continent": (
        "On which continent is {}?|Which continent is {} in?|What continent does {} belong to?",
        "Egypt=africa;Brazil=south america;China=asia;France=europe;Canada=north america;Kenya=africa;India=asia;Peru=south america;Spain=europe;"
        "Mexico=north america;Japan=asia;Nigeria=africa;Chile=south america;Norway=europe;Vietnam=asia;Morocco=africa;Poland=europe;Colombia=south america",
    ),
    "country": (
        "In which country is {}?|Which country is {} in?|What country would I be in at {}?",
        "the Eiffel Tower=france;the Great Wall=china;the Taj Mahal=india;the Statue of Liberty=united states|america|usa|u\\.s;Big Ben=england|united kingdom|uk\\b|britain;"
        "the Leaning Tower of Pisa=italy;the Kremlin=russia;Machu Picchu=peru;Mount Fuji=japan;the Acropolis=greece;the Sydney Opera House=australia;"
        "the city of Barcelona=spain;the city of Munich=germany;the city of Venice=italy;the city of Toronto=canada;the city of Amsterdam=netherlands|holland;"
        "the city of Istanbul=turkey|türkiye;the city of Zurich=switzerland;the city of Mumbai=india;the city of Rio de Janeiro=brazil;the city of Shanghai=china;"
        "the city of Krakow=poland;the city of Gothenburg=sweden;the city of Marrakesh=morocco;Petra=jordan;Angkor Wat=cambodia",
    ),
    "food": (
        "{}?|Please tell me, {}?",
        "which country does pizza come from=italy;which country does sushi come from=japan;which country do tacos come from=mexico;which country does paella come from=spain;"
        "which country do croissants come from=france|austria;what is bread mainly made of=flour|wheat;what is cheese made from=milk;what is wine made from=grape;"
        "what is chocolate made from=coco|cacao;what fruit do raisins come from=grape;what is ketchup made from=tomato;what is guacamole made from=avocado;"
        "what is hummus made from=chickpea;what is tofu made from=soy;what is an omelette made of=egg;what are french fries made from=potato;"
        "what do you call dried plums=prune;which fruit keeps the doctor away=apple;what is the main ingredient of beer besides water=barley|malt|hops|grain;"
        "which vegetable makes you cry when you cut it=onion;what is kimchi made from=cabbage;which meat is ham made of=pork|pig;"
        "where does milk come from=cow|mammal|animal|goat;which nut is in marzipan=almond;what spice gives curry its yellow color=turmeric",
    ),
    "sport": (
        "{}?|Quick question: {}?",
        "how many players are on a basketball team on the court=5|five;how many players are on a baseball team=9|nine\\b;how many players are on a volleyball team=6|six;"
        "how many rings are on the Olympic flag=5|five;how many holes does a full golf course have=18|eighteen;in which sport do you use a racket and a shuttlecock=badminton;"
        "in which sport do you hit a puck=hockey;in which sport can you make a slam dunk=basketball;in which sport is there a love score=tennis;"
        "how often are the Summer Olympics held=4|four\\b;how long is a marathon in kilometers=42|forty[- ]two;how many players are on an ice hockey team on the ice=6|six;"
        "how many pins are there in bowling=10|ten\\b;how many squares are on a chess board=64|sixty[- ]four;which chess piece moves in an L=knight;"
        "where were the first modern Olympics held=athens|greece;how many points is a touchdown worth=6|six;in which sport is the Tour de France=cycl|bicycl|bik;"
        "in which sport do you need a bat and a wicket=cricket;how many minutes does a soccer game last=90|ninety",
    ),
    "body": (
        "{}?|Tell me, {}?",
        "what do we use to see=eye;what do we use to smell=nose;what do we use to hear=ear;how many fingers does a hand have=5|five;how many toes do people have=10|ten\\b;"
        "which organ do we think with=brain;which organs do we breathe with=lung;how many hearts does a person have=1|one\\b;which organ cleans the blood and makes urine=kidney;"
        "what is the largest organ of the body=skin;how many teeth does an adult have=32|thirty[- ]two|28;what carries blood back to the heart=vein;"
        "what is the hard part inside the body called=bone|skelet;what is the joint in the middle of the leg=knee;what is the joint in the middle of the arm=elbow;"
        "how many bones does an adult have=206;which vitamin do we get from the sun=d\\b;what is the normal body temperature in celsius=3[67];"
        "what is the part of the eye that is colored=iris;how many senses do people have=5|five;which blood cells fight infection=white|leu[ck]ocyte;what does the stomach do=digest|food",
    ),
    "shape": (
        "{}?|Can you tell me: {}?",
        "how many sides does a triangle have=3|three;how many sides does a square have=4|four\\b;how many sides does a hexagon have=6|six;how many sides does a pentagon have=5|five;"
        "how many sides does an octagon have=8|eight;how many corners does a rectangle have=4|four\\b;how many faces does a cube have=6|six;what shape is a ball=sphere|round|circ;"
        "what do you call a shape with four equal sides=square|rhombus;what shape has no corners=circle|oval|ellipse|sphere|round;how many edges does a cube have=12|twelve;"
        "how many sides does a decagon have=10|ten\\b;what is the longest side of a right triangle called=hypotenuse;what is half of a circle's diameter called=radius;"
        "what is the distance around a circle called=circumference|perimeter;how many sides does a heptagon have=7|seven;what is the value of pi to two decimals=3\\.14",
    ),
    "use": (
        "What do you use to {}?|What would I use to {}?|Which thing do people use to {}?",
        "cut paper=scissor|knife|cutter;write on a blackboard=chalk;brush your teeth=toothbrush|toothpaste|brush;tell the time=clock|watch;eat soup=spoon;open a locked door=key;"
        "measure temperature=thermometer;dig a hole=shovel|spade|digger|excavator;sweep the floor=broom|vacuum|mop|brush;turn a screw=screwdriver|drill;"
        "look at the stars=telescope|eye;look at very small things=microscope|magnif;keep food cold=fridge|refrigerator|freezer|cooler|ice;dry your hair=dryer|towel;"
        "boil water=kettle|pot|stove|pan;find north=compass;measure weight=scale|balance;stay dry in the rain=umbrella|rain ?coat;call someone=phone;iron a shirt=iron;"
        "comb your hair=comb|brush;sew a button=needle|thread;take pictures=camera|phone;cross a river on foot=bridge|boat;hit a nail=hammer",
    ),
    "translate": (
        "How do you say {}?|How would I say {}?|Can you translate {}?",
        "hello in Spanish=hola;thank you in French=merci;good night in German=gute nacht;yes in Russian=da\\b|да;goodbye in Italian=ciao|arrivederci|addio;thank you in Spanish=gracias;"
        "water in Spanish=agua;dog in French=chien;cat in Spanish=gato;please in German=bitte;red in Spanish=rojo;one in Spanish=uno;house in Spanish=casa;"
        "thank you in German=danke;cheese in French=fromage;good morning in Spanish=buenos d[ií]as|buen d[ií]a;bread in French=pain\\b;milk in German=milch;love in Italian=amor;"
        "friend in French=ami;book in German=buch;no in German=nein;apple in French=pomme;sun in Spanish=sol\\b;thank you in Japanese=arigat|ありがとう;hello in Japanese=konnichi|こんにちは",
    ),
    "word": (
        "{}?|Quick: {}?",
        "what is the first letter of the alphabet=a\\b;what is the last letter of the alphabet=z\\b;how many letters are in the English alphabet=26|twenty[- ]six;"
        "how many vowels are in the English alphabet=5|five|6|six;which word rhymes with cat=[bhmrsfpv]at\\b|that|flat|chat|gnat|brat;which word rhymes with light=[nbmrsft]ight|bright|flight|kite|white|bite;"
        "which word rhymes with moon=soon|noon|june|tune|spoon|balloon|dune|rune|loon;what is another word for happy=glad|joy|cheer|content|pleased|delight|merry|elated;"
        "what is another word for big=large|huge|great|giant|enormous|massive;what is another word for quick=fast|rapid|swift|speedy;what do you call a word that means the opposite=antonym;"
        "what do you call words that mean the same=synonym;how many letters are in the word apple=5|five;how many letters are in the word banana=6|six;"
        "what is the third letter of the alphabet=c\\b;what letter does the word elephant begin with=e\\b;what is the comparative of good=better;what is the superlative of bad=worst;"
        "what is the adjective of beauty=beautiful;what do you call a person who bakes bread=baker;what do you call a person who flies a plane=pilot|aviator;"
        "what do you call a doctor for teeth=dentist|orthodont;what do you call a doctor for animals=vet;what do you call a person who writes books=author|writer|novelist;"
        "what do you call your mother's sister=aunt;what do you call your father's father=grand;what do you call your brother's son=nephew",
    ),
    "nature": (
        "{}?|Tell me please, {}?",
        "what is the largest ocean=pacific;what is the longest river in the world=nile|amazon;what is the tallest mountain in the world=everest;what is the largest desert=sahara|antarctic;"
        "what is the largest country in the world=russia;what is the smallest country in the world=vatican;what is the largest continent=asia;how many continents are there=7|seven;"
        "what gas do plants take in=carbon dioxide|co2|co₂;what is the hardest natural material=diamond;at how many degrees celsius does water boil=100|hundred;"
        "at how many degrees celsius does water freeze=0|zero;what is rain made of=water;what is the process called by which plants make food=photosynthesis;what is molten rock called=magma|lava;"
        "what falls from the sky in winter=snow|rain|hail|ice;which ocean is between Europe and America=atlantic;which river flows through London=thames;which river flows through Paris=seine;"
        "which river flows through Egypt=nile;what is the highest mountain in Africa=kilimanjaro;which is the largest lake by area=caspian|superior;what is the tallest kind of tree=redwood|sequoia;"
        "what is the center of an atom called=nucleus;what are clouds made of=water|droplet|ice;what tree do acorns come from=oak;what is the freezing point of water in fahrenheit=32|thirty[- ]two;"
        "what is the speed of light in kilometers a second, roughly=300|299(,?\\d{3})?;which gas makes up most of the air=nitrogen;what do we call frozen rain=hail|sleet|snow|ice",
    ),
    "history": (
        "{}?|Do you remember {}?",
        "when did the Second World War end=1945;when did the First World War begin=1914;in which year did man land on the moon=1969;in which year did the Titanic sink=1912;"
        "in which year did the Berlin Wall fall=1989;when did Columbus reach America=1492;when was the Declaration of Independence signed=1776;in which year did the French Revolution begin=1789;"
        "which ship sank on its first voyage in 1912=titanic;which country gave the Statue of Liberty to America=france;which empire built the Colosseum=rom;who built the pyramids=egypt;"
        "in which country did the Olympic Games begin=greece;which wall divided a German city=berlin;when did the First World War end=1918;which plague killed a third of Europe=black death|bubonic|plague;"
        "which emperor lost at Waterloo=napoleon;which American president was shot in Dallas=kennedy;who was the king of Britain before Charles=elizabeth;in which year was the attack on the twin towers=2001",
    ),
    "choice": (
        "{}?|Which one is it: {}?",
        "is a tomato a fruit or a mineral=fruit;which is heavier, a feather or a brick=brick;which is bigger, an ant or a horse=horse;which is colder, ice or fire=ice;"
        "which is faster, a car or a bicycle=car\\b;which is longer, a minute or an hour=hour;which is larger, a hundred or a thousand=thousand;is the sun a star or a planet=star;"
        "is a whale a fish or a mammal=mammal;which is sweeter, sugar or salt=sugar;does a fish live in water or in a tree=water;which is closer to us, the moon or the sun=moon;"
        "is seven an odd or an even number=odd;is ten an odd or an even number=even;which month is warmer in Europe, January or July=july;which is harder, wood or butter=wood;"
        "which is older, a grandmother or a baby=grandmother;is glass made from sand or from milk=sand;which is the taller, a giraffe or a mouse=giraffe;which weighs more, a kilogram or a gram=kilogram",
    ),
}  # fmt: skip

FOLLOW_UPS = {
    "capital": ("And of {}?", "What about {}?"),
    "currency": ("And in {}?", "What about {}?"),
    "opposite": ("And of {}?", "And the opposite of {}?"),
    "past tense": ("And of {}?", "What about {}?"),
    "plural": ("And of {}?", "What about {}?"),
    "author": ("And {}?", "And who wrote {}?"),
}
PLAIN = re.compile(r"^[A-Za-z ]+$")
WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()  # fmt: skip
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def questions(rng: random.Random, each: int) -> Iterator[Question]:
    """At most ``each`` questions of every table, and as many of every kind of sum."""
    for source, (phrasings, table) in TABLES.items():
        asked = [
            (phrasing, *row.rsplit("=", 1)) for row in table.split(";") for phrasing in phrasings.split("|")
        ]  # every key in every phrasing
        for phrasing, key, accept in _spread(rng, asked, each):
            yield Question(source, (Message("user", _sentence(phrasing.format(key))),), accept)
    for source, made in (("sum", _sums()), ("product", _products()), ("percent", _percents()), ("number", _numbers())):
        for text, result in rng.sample(made, min(2 * each, len(made))):
            yield Question(source, (Message("user", _sentence(text)),), number(result))


def follow_ups(rng: random.Random, each: int) -> Iterator[Question]:
    """Questions that only the turn before explains; the assistant's answer to that is right."""
    for source, phrasings in FOLLOW_UPS.items():
        asks, table = TABLES[source]
        rows = [row.rsplit("=", 1) for row in table.split(";")]
        said = [row for row in rows if PLAIN.match(row[1])]  # one that can be said as it stands
        for (key, accept), phrasing in zip(rng.sample(rows, min(each, len(rows))), phrasings * each, strict=False):
            first, answer = rng.choice([row for row in said if row[0] != key])
            before = (Message("user", asks.split("|")[0].format(first)), Message("assistant", f"It's {answer.title()}."))
            yield Question("follow-up", (*before, Message("user", phrasing.format(key))), accept)


def number(value: int) -> str:
    """How a number may be said or written, as a regular expression."""
    words = spoken(value)
    return f"{value}|{words.replace(' ', '[- ](and )?')}\\b" if words else str(value)


def spoken(value: int) -> str:
    """A number up to 999 in words; empty for larger ones."""
    if value < 20:
        return WORDS[value]
    if value < 100:
        return TENS[value // 10 - 2] + (f" {WORDS[value % 10]}" if value % 10 else "")
    if value < 1000:
        return f"{WORDS[value // 100]} hundred" + (f" {spoken(value % 100)}" if value % 100 else "")
    return ""


def _spread(rng: random.Random, asked: list[tuple[str, str, str]], count: int) -> list[tuple[str, str, str]]:
    """``count`` rows, no key twice before each was taken once."""
    rng.shuffle(asked)
    seen: dict[str, int] = {}
    ranked = []
    for row in asked:
        seen[row[1]] = seen.get(row[1], 0) + 1
        ranked.append((seen[row[1]], row))
    ranked.sort(key=lambda pair: pair[0])
    return [row for _, row in ranked[:count]]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sums() -> list[tuple[str, int]]:
    ask = ("what is {} {} {}?", "what's {} {} {}?", "how much is {} {} {}?")
    pairs = [(a, b) for a in (2, 3, 5, 7, 9, 12, 15, 23, 48, 60) for b in (2, 4, 6, 8, 11, 19, 35)]
    made = [(ask[(a + b) % 3].format(spoken(a), "plus", spoken(b)), a + b) for a, b in pairs]
    made += [(ask[(a * b) % 3].format(a, "plus", b), a + b) for a, b in pairs]
    return made + [(ask[(a + b) % 3].format(spoken(a), "minus", spoken(b)), a - b) for a, b in pairs if a > b and a != 2 * b]


def _products() -> list[tuple[str, int]]:
    ask = ("what is {} times {}?", "what's {} multiplied by {}?", "how much is {} times {}?")
    pairs = [(a, b) for a in (2, 3, 4, 5, 6, 7, 8, 9, 12) for b in (3, 4, 5, 6, 7, 8, 9, 10, 11, 15)]
    made = [(ask[(a + b) % 3].format(spoken(a), spoken(b)), a * b) for a, b in pairs]
    made += [(f"what is {spoken(a * b)} divided by {spoken(a)}?", b) for a, b in pairs if a != b]
    return made + [(f"what is the square of {spoken(a)}?", a * a) for a in range(2, 16)]


def _percents() -> list[tuple[str, int]]:
    shares = [(p, n) for p in (5, 10, 20, 25, 50, 75) for n in (20, 40, 60, 80, 200, 400) if p * n % 100 == 0]
    made = [(f"what is {spoken(p)} percent of {spoken(n)}?", p * n // 100) for p, n in shares if p * n // 100 not in {p, n}]
    return made + [
        (f"what is {word} of {spoken(n)}?", n // d) for word, d in (("half", 2), ("a third", 3)) for n in (12, 18, 36, 90, 150)
    ]


def _numbers() -> list[tuple[str, int]]:
    made = [
        (f"if I have {spoken(a)} apples and eat {spoken(b)}, how many are left?", a - b) for a in (5, 8, 12) for b in (2, 3)
    ]
    made += [
        (f"I buy {spoken(a)} tickets at {spoken(b)} dollars each. How much do I pay?", a * b)
        for a in (3, 4, 6)
        for b in (5, 8, 12)
    ]
    made += [(f"what number comes after {spoken(n)}?", n + 1) for n in (7, 12, 29, 64, 89, 109)]
    return made + [(f"how old is someone in 2020 who was born in {year}?", 2020 - year) for year in (1950, 1968, 1985, 1999)]
