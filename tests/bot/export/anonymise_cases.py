"""Sentences as participants may write them, and what of each tells who somebody is. All of it is made up.

`HITS` are found whole and nothing beside them; `NOTHING` has nothing to find. `MISSES` is what the aid does not find,
and `FALSE_ALARMS` what it takes for a name or place though it is none: a person reads the record, and decides.
Phone numbers are from Ofcom's ranges for drama; the NHS number is that of the Data Dictionary's example.
"""

from __future__ import annotations

HITS: list[tuple[str, dict[str, str]]] = [
    # names, by who they are to the person
    ("My daughter Ella does my messages.", {"Ella": "[daughter's name]"}),
    ("I live with my husband, Tomos.", {"Tomos": "[husband's name]"}),
    ("my son is called Kofi and he helps", {"Kofi": "[son's name]"}),
    ("Her daughter's name is Wren.", {"Wren": "[daughter's name]"}),
    ("My social worker Priya is lovely.", {"Priya": "[worker's name]"}),
    ("My friend (Bronagh) reads them to me.", {"Bronagh": "[friend's name]"}),
    ("I asked my sister Jo-Anne Pritchard.", {"Jo-Anne Pritchard": "[sister's name]"}),
    ("Zebedee, my brother, phones them.", {"Zebedee": "[brother's name]"}),
    ("Ottoline is my carer.", {"Ottoline": "[carer's name]"}),
    ("The carer was Xanthippe that day.", {"Xanthippe": "[carer's name]"}),
    ("my mum Eirlys does not text", {"Eirlys": "[mum's name]"}),
    ("My mother-in-law Gwendolen rang.", {"Gwendolen": "[mother-in-law's name]"}),
    # names after a title
    ("Dr Khan wrote to them.", {"Khan": "[Person 1]"}),
    ("I saw Dr. O'Brien on Tuesday.", {"O'Brien": "[Person 1]"}),
    ("mr khan never rings", {"khan": "[Person 1]"}),
    ("Mrs Adeyemi-Jones is the manager.", {"Adeyemi-Jones": "[Person 1]"}),
    ("Auntie Bunty came too.", {"Bunty": "[auntie's name]"}),
    ("They sent Nurse Okafor.", {"Okafor": "[nurse's name]"}),
    ("Councillor Featherstone answered.", {"Featherstone": "[Person 1]"}),
    # names that are said to be names
    ("there is a man called Zoltan at the desk", {"Zoltan": "[Person 1]"}),
    ("Someone named Prudence wrote.", {"Prudence": "[Person 1]"}),
    ("They said: this is Marguerite speaking.", {"Marguerite": "[Person 1]"}),
    # the person's own name (Siân O'Neill, P07)
    ("Siân here.", {"Siân": "[P07]"}),
    ("it's sian again", {"sian": "[P07]"}),
    ("They call me Mrs O’Neill.", {"O’Neill": "[P07]"}),
    ("My name is Cariad.", {"Cariad": "[P07]"}),
    ("my name's cariad btw", {"cariad": "[P07]"}),
    ("Hi, I'm Cariad and I use a chair.", {"Cariad": "[P07]"}),
    # names of the list
    ("ella texts for me", {"ella": "[Person 1]"}),
    ("Mohammed said no.", {"Mohammed": "[Person 1]"}),
    ("It was Katarzyna Nowak who came.", {"Katarzyna Nowak": "[Person 1]"}),
    ("I asked Ffion's boss.", {"Ffion": "[Person 1]"}),
    ("I rang Grace about it.", {"Grace": "[Person 1]"}),
    ("Then Will came round.", {"Will": "[Person 1]"}),
    ("then I told MARGARET", {"MARGARET": "[Person 1]"}),
    # names by a capital or a verb
    ("I spoke to Ysolde about it.", {"Ysolde": "[Person 1]"}),
    ("Zinnia said she would ring.", {"Zinnia": "[Person 1]"}),
    ("I get on with Thaddeus Quill there.", {"Thaddeus Quill": "[Person 1]"}),
    # places
    ("I live in Splott.", {"Splott": "[Place 1]"}),
    ("We moved to Pontcanna last year.", {"Pontcanna": "[Place 1]"}),
    ("I am from Mogadishu.", {"Mogadishu": "[Place 1]"}),
    ("The council in leeds is slow.", {"leeds": "[Place 1]"}),
    ("Newcastle upon Tyne is better.", {"Newcastle upon Tyne": "[Place 1]"}),
    ("I was in Bath then.", {"Bath": "[Place 1]"}),
    ("I stay at 14 Beech Road.", {"14 Beech Road": "[Place 1]"}),
    ("i live at 7b old mill lane with two others", {"7b old mill lane": "[Place 1]"}),
    ("They are based on Hartland Avenue.", {"Hartland Avenue": "[Place 1]"}),
    ("I was at St Mary's Hospital.", {"St Mary's Hospital": "[Place 1]"}),
    ("I studied at the University of Brackley.", {"University of Brackley": "[Place 1]"}),
    ("They work for Leeds City Council.", {"Leeds City Council": "[Place 1]"}),
    ("The day centre is Oakfield House.", {"Oakfield House": "[Place 1]"}),
    # phones
    ("ring 07700 900123 please", {"07700 900123": "[phone]"}),
    ("text me on 07700900123", {"07700900123": "[phone]"}),
    ("+44 7700 900123 is mine", {"+44 7700 900123": "[phone]"}),
    ("Call (020) 7946 0123.", {"(020) 7946 0123": "[phone]"}),
    ("It is 0044 7700 900 123", {"0044 7700 900 123": "[phone]"}),
    ("7700 900123 on weekdays", {"7700 900123": "[phone]"}),
    ("my number: 0113-496-0123", {"0113-496-0123": "[phone]"}),
    # emails
    ("write to ella.jones@example.org.", {"ella.jones@example.org": "[email]"}),
    ("SIAN+work@mail.example.co.uk is best", {"SIAN+work@mail.example.co.uk": "[email]"}),
    # postcodes
    ("My postcode is LS1 4AP.", {"LS1 4AP": "[postcode]"}),
    ("cf243aa is where we are", {"cf243aa": "[postcode]"}),
    ("SW1A 1AA", {"SW1A 1AA": "[postcode]"}),
    # numbers of the state
    ("NHS number 943 476 5919", {"943 476 5919": "[NHS number]"}),
    ("it is 9434765919 on the letter", {"9434765919": "[NHS number]"}),
    ("NI: AB 12 34 56 C", {"AB 12 34 56 C": "[National Insurance number]"}),
    ("ab123456c", {"ab123456c": "[National Insurance number]"}),
    # dates of birth
    ("I was born on 3 March 1964.", {"3 March 1964": "[date of birth]"}),
    ("dob 03/03/64", {"03/03/64": "[date of birth]"}),
    ("Date of birth: 1964-03-03", {"1964-03-03": "[date of birth]"}),
    ("My birthday is June 12th.", {"June 12th": "[date of birth]"}),
    ("I was born in 1964.", {"1964": "[date of birth]"}),
    # several
    (
        "My daughter Ella lives in Leeds, LS1 4AP, and Ella rings 07700 900123.",
        {"Ella": "[daughter's name]", "Leeds": "[Place 1]", "LS1 4AP": "[postcode]", "07700 900123": "[phone]"},
    ),
    ("My son Tom and my son Kofi", {"Tom": "[son's name]", "Kofi": "[son's name 2]"}),
    ("07700 900123 or 07700 900456", {"07700 900123": "[phone]", "07700 900456": "[phone 2]"}),
    ("From Leeds to Splott by bus, in York too", {"Leeds": "[Place 1]", "Splott": "[Person 1]", "York": "[Place 2]"}),
]

NOTHING = [
    "I text my social worker on Mondays.",
    "In May I will ring them. May I?",
    "I'm Deaf and I use BSL on WhatsApp.",
    "I am Disabled. They are English and so am I.",
    "Mum said no. Dad said yes.",
    "The NHS and the DWP use Zoom, Teams and Gmail.",
    "My GP is good. The Nurse is too.",
    "I CANNOT READ THEIR LETTERS AND I HATE THE PHONE",
    "it costs 12.50 and took 3 weeks on 24/11/2026 at 12:00",
    "Reading is hard. Will that do? Hope so.",
    "i was reading in the bath, then rugby was on",
    "My reference is 1234567890, order 555.",
    "on the m1 1st of the month",
    "She's kind. He's not. They're Polish.",
    "ok. thanks. sent from my iPhone",
    "[daughter's name] lives in [Place 1] with [P07]",
    "Ar ôl hynny mae'n dibynnu.",
    "When I ring, Somebody answers. Please. Sorry!",
    "",
]

MISSES = [
    ("my carer xanthippe is kind", "a rare name in small letters"),
    ("Xanthippe is kind.", "a rare name where a sentence begins"),
    ("I live in splott", "a small place in small letters"),
    ("oh seven seven double oh nine hundred one two three", "a number in words"),
    ("ring 496 0123", "a local number"),
    ("cariad99 at example dot org", "an address in words"),
    ("the only deaf swimming teacher here", "what somebody is known by"),
    ("JO LIVES THERE", "a rare short name in capitals"),
    ("my insta is @cariadwheels", "a name in an app"),
]

FALSE_ALARMS = [
    ("I use a Perching Stool.", "Perching Stool"),
    ("They gave me the Grid Pad for that.", "Grid Pad"),
    ("I like Coronation Street.", "Coronation Street"),
    ("that was in the Blitz", "Blitz"),
]
