"""The words that the privacy gate's rules turn on. Plain sets; nothing here decides anything alone."""

from voice.privacy.findings import Kind


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- inside a number ---------------------------------------------------------------------------------------------------------

JOINTS = _set(
    "um uh uhm er erm hmm hm ah mm you know let me see let's lets hang on i mean no wait sorry scratch that make "
    "that's correction oops actually like well okay ok so then and dash hyphen minus space slash comma rather not "
    "it's again yeah yes right pause - , ( ) / . + … – —"
)
"""Words and marks that may stand between the digits of one number: fillers, separators, self-corrections."""
CORRECTIONS = _set("no sorry scratch mean correction oops actually rather make not")
CURRENCY = _set("dollars dollar bucks euros euro pounds quid usd eur gbp francs rupees grand $ £ €")

CUES: dict[str, Kind] = {
    **dict.fromkeys(_set("card visa mastercard amex credit debit maestro cards"), Kind.CARD),
    **dict.fromkeys(
        _set("phone telephone mobile cell cellphone call dial text ring fax whatsapp reach landline sms callback handy"),
        Kind.PHONE,
    ),
    **dict.fromkeys(
        _set("ssn social insurance nino tax tin nhs id identity citizen pesel bsn aadhaar medicare medicaid patient steuer"),
        Kind.NATIONAL_ID,
    ),
    **dict.fromkeys(
        _set("account acct routing sort bank iban member membership policy customer employee beneficiary wire"), Kind.ACCOUNT
    ),
    **dict.fromkeys(_set("passport visa-number"), Kind.PASSPORT),
    **dict.fromkeys(_set("license licence plate driver's drivers driving registration"), Kind.LICENCE),
    **dict.fromkeys(
        _set("pin cvv cvc cvv2 passcode password passphrase combination otp security alarm door verification access unlock"),
        Kind.SECRET,
    ),
    **dict.fromkeys(_set("zip zipcode postcode postal"), Kind.ADDRESS),
    **dict.fromkeys(_set("born birth birthday birthdate dob"), Kind.BIRTH_DATE),
}
"""A word near a number → what the number then is."""
PUBLIC_CUES = _set(
    "order orders tracking invoice confirmation ticket tickets serial model part reference booking reservation flight "
    "room page chapter version product isbn sku item parcel package shipment channel bus highway route train platform "
    "gate population year years article edition episode season level building floor lottery barcode case docket build "
    "release count counting testing test error bug locker lane aisle section receipt transaction quote request"
)
"""A word near a number → it is no secret."""
MIN_DIGITS = {
    Kind.CARD: 4, Kind.PHONE: 6, Kind.NATIONAL_ID: 4, Kind.ACCOUNT: 4, Kind.PASSPORT: 5, Kind.LICENCE: 4, Kind.SECRET: 3,
    Kind.ADDRESS: 4, Kind.BIRTH_DATE: 4,
}  # fmt: skip
"""Fewer digits than this near a cue are not the number that the cue speaks of."""

# --- e-mail ------------------------------------------------------------------------------------------------------------------

TLDS = _set(
    "com org net edu gov io co uk de fr me info biz us ca au nl es it pl se br in nz ie ch at eu ru jp app dev ai tv "
    "mil int example test local"
)
PROVIDERS = _set(
    "gmail googlemail hotmail yahoo outlook icloud protonmail proton aol gmx web live msn comcast verizon mail ymail "
    "fastmail zoho yandex btinternet me mac posteo tutanota"
)
EMAIL_CUES = _set("email e-mail mail emails address inbox reach contact write forward cc login username sign signed subscribe")
SHOPPING = _set(
    "look shop shopping buy bought order ordered visit find found check available sale sold read saw watch news "
    "browse browsing go went prices price deals deal search searching sells sell cheaper online book booked stream "
    "listen play log website site web page see"
)

# --- people ------------------------------------------------------------------------------------------------------------------

PERSON = _set(
    "i i'm i've i'd i'll my me mine he she he's she's his her him we we're we've our us wife husband son daughter "
    "mother father mom mum dad sister brother boss partner girlfriend boyfriend grandmother grandfather grandma "
    "grandpa uncle aunt neighbor neighbour friend colleague child kid baby cousin roommate patient wife's husband's "
    "son's daughter's mother's father's mom's dad's sister's brother's boss's niece nephew stepson stepdaughter "
    "fiance fiancee parents parent ex coworker client"
)
RELATIVES = _set(
    "wife husband son daughter mother father mom mum dad sister brother boss partner girlfriend boyfriend grandmother "
    "grandfather grandma grandpa uncle aunt neighbor neighbour friend colleague child kid baby cousin roommate niece "
    "nephew stepson stepdaughter fiance fiancee landlord doctor therapist lawyer teacher manager assistant nanny "
    "coworker client accountant dentist buddy"
)
TITLES = _set("mr mrs ms miss mister missus dr doctor professor prof sir madam herr frau")
CONTACT_VERBS = _set(
    "call text tell ask email message phone ring meet met with invite remind pay visit see saw seeing dear hi hello "
    "hey know knows thank named contact for and send dad"
)
"""Before a given name these make it somebody whom the speaker knows."""
NOT_A_NAME = _set(
    "the a an on in at is was not no what that this these those it its it's my your his her our their and or but if "
    "when where who why how so very really too just also still here there now then back later soon tomorrow today "
    "tonight again maybe crazy please anytime after before by for from to of with without as because well fine good "
    "great okay ok sorry sure happy sad tired hungry thirsty bored sick ill home late early ready busy free done "
    "going doing looking trying having getting making calling speaking using working living wondering interested "
    "afraid glad scared lost stuck new old young single married pregnant allergic diabetic depressed bankrupt in out "
    "up down all some any one two first last next same only about out off over under into like love hate need want "
    "have has had do does did can could will would should must may might am are be been being called spelled written "
    "pronounced common missing wrong correct right left listed stupid funny lazy cool nice bad best better awesome "
    "terrible amazing alone single awake asleep cold hot warm outside inside upstairs downstairs more less than it'll "
    "i i'm i'll me you he she we they them us him everyone someone nobody everybody something anything nothing phone "
    "number email address card account time day week month year work office school car house question problem idea "
    "thing way said says told tells appointment office's visit who's strange thank thanks hello hi hey yes yeah yep "
    "nope um uh er erm hmm oh crazy names name again whenever once while until already never always ever beautiful "
    "change changed pronounce remember"
)
AFTER_A_NAME = _set("speaking calling here from and")
NUMBERS_NEXT = _set("years year minutes hours percent dollars degrees o'clock")

# --- places ------------------------------------------------------------------------------------------------------------------

STREETS = _set(
    "street st road rd avenue ave lane ln drive dr court ct boulevard blvd way place pl terrace crescent close "
    "parkway circle trail alley square mews grove gardens row hill heights ridge loop path pike plaza walk view park "
    "highway hwy straße strasse str platz allee weg gasse quay wharf turnpike crossing run rd. ave. st."
)
STREETS_FIRST = _set("rue via calle avenida piazza plaza rua viale corso boulevard chemin carrer strada ulica")
STREET_ENDS = (
    "straat",
    "straße",
    "strasse",
    "gasse",
    "allee",
    "platz",
    "vej",
    "gade",
    "gatan",
    "gata",
    "vägen",
    "laan",
    "katu",
    "utca",
)
"""A longer word that ends so is a street: "kalverstraat"."""
DWELLINGS = _set("apartment apt flat unit suite ste")

DELIVERY = _set(
    "deliver delivered ship shipped bill billed sent send located office offices home address moved live lives living "
    "return meet pick come taxi cab uber"
)

# --- dates -------------------------------------------------------------------------------------------------------------------

MONTHS = _set(
    "january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sep sept oct nov dec"
)
ORDINALS = _set(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth 1st 2nd 3rd 4th 5th 6th 7th 8th 9th "
    "10th"
)
BIRTH = _set("born birthday birthdate dob birth bday")
QUESTIONS = _set("who which what when where why how")

# --- health and money --------------------------------------------------------------------------------------------------------

CONDITIONS = _set(
    "diabetes diabetic asthma asthmatic depression depressed anxiety cancer tumor tumour epilepsy epileptic hiv aids "
    "hepatitis hypertension migraine migraines arthritis parkinson's parkinsons sclerosis bipolar schizophrenia "
    "schizophrenic anorexia bulimia leukemia leukaemia lymphoma melanoma crohn's crohns stroke ptsd adhd autism "
    "autistic miscarriage abortion lupus anemia anaemia gout herpes chlamydia gonorrhea syphilis tuberculosis "
    "pneumonia celiac coeliac dementia alzheimer's alzheimers osteoporosis apnea apnoea glaucoma pregnant pregnancy "
    "suicidal overdose overdosed addiction addicted alcoholic alcoholism chemo chemotherapy dialysis biopsy seizure "
    "seizures eczema psoriasis endometriosis fibromyalgia cirrhosis insomnia ocd std sti impotent infertile "
    "infertility infertile thyroid hernia concussion covid ulcer ulcers heart-attack scoliosis thrombosis angina "
    "pacemaker transplant stent cholesterol incontinence menopause hemorrhoids insulin metformin prozac xanax lithium "
    "ritalin oxycodone warfarin lisinopril zoloft methadone adderall antidepressants antidepressant antipsychotics "
    "statins prednisone viagra valium morphine fentanyl tramadol lexapro antibiotics ozempic sertraline citalopram "
    "ibuprofen-allergy penicillin chemo rehab psychiatrist therapist psychologist oncologist antiretrovirals prep "
    "surgery hospitalized hospitalised hospice bmi"
)
CONDITION_PAIRS = frozenset(
    tuple(pair.split()) for pair in (
        "chest pain;chest pains;blood clot;blood clots;suicidal thoughts;"
        "heart condition;heart attack;heart disease;heart failure;kidney disease;kidney failure;kidney stones;"
        "high blood;blood pressure;blood sugar;"
        "blood thinners;eating disorder;panic attacks;panic attack;sleeping pills;slipped disc;brain tumor;"
        "mental health;mental illness;the pill;"
        "beta blockers;test results;medical records;medical record;std test;lung disease;liver disease;"
        "chronic pain;back surgery;heart surgery;"
        "nervous breakdown;peanut allergy;allergic to;surgery for;hearing loss;broken hip;knee surgery;"
        "drug problem;drinking problem;hiv positive;"
        "tested positive;was diagnosed;been diagnosed;were diagnosed;got diagnosed;in therapy;my prescription;"
        "my medication;her medication;his medication;my symptoms"
    ).split(";")
)  # fmt: skip
HEALTH_VERBS = _set(
    "have has had having i've got gets am is was were are i'm he's she's been suffer suffers suffering take takes "
    "taking on with diagnosed tested need needs my his her our prescribed battling fighting recovering undergoing "
    "using lost missed for"
)
MONEY_NOUNS = _set(
    "salary income wage wages paycheck pay rent mortgage debt debts savings balance worth pension loan loans "
    "overdraft bonus earnings alimony inheritance score dividend"
)
MONEY_VERBS = _set("earn earns make makes owe owes inherited owed earned lost")
MONEY_STATES = _set("bankrupt bankruptcy foreclosure foreclosed evicted eviction repossessed insolvent garnished")
