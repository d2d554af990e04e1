"""Words that help to tell names and places from other words, written for this project; nobody's data.

They are folded: small letters, no accents. A list can never be whole: who reads the record decides.
"""

from __future__ import annotations


def _all(text: str, between: str | None = None) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(between))


GIVEN = _all(
    """
aaliyah aaron abbie abdul abdullah abigail adam adele adrian agnes ahmed aidan aileen aisha alan alana alasdair albert
alex alexander alexandra alfie alice alicia alison alistair amanda amelia amina amir amit amy ana anastasia andrea
andrew andy angela angharad angus anika anil anita anjali ann anna annabel anne annie anthony antonio anwen aoife
archie arjun arthur asha ashley ashok ayesha barbara barry beatrice becky belinda ben benjamin bernadette bernard
bethan betty beverley blodwen bob bogdan brenda brendan brian bridget bronwen bruce bryn caitlin callum cameron carl
carla carol caroline carolyn carys catherine cathy catrin cecil cedric ceri cerys charles charlie charlotte chelsea
cheryl chidi chioma chloe chris christina christine christopher ciaran claire clara clare clive colin connor conor
craig cynthia dafydd daisy damian dan daniel danielle darren dave david dawid debbie deborah deepak delroy denis
denise dennis derek desmond diana diane dilys dominic donald donna doreen doris dorothy doug douglas duncan dylan
ebony eddie edith edna eduardo edward eileen eilidh elaine eleanor elena eleri elijah elizabeth ella ellen ellie
elliot elsie elwyn emeka emily emma eric erin ernest esme esther ethan eva evan evelyn evie ewan faisal farah fatima
felicity ffion finlay fiona florence frances francesca francis frankie fred freda freddie frederick freya gareth gary
gavin gemma geoff geoffrey george georgia georgina geraint gerald gerard gethin gillian gladys glenda glenys gloria
gordon graeme graham greg gregory gurpreet gwen gwyneth hamish hannah harold harpreet harriet harry harvey hassan
hayley heather heledd helen helena henry hilary howard hugh hussein hywel iain ian ibrahim idris ieuan ifan imogen
imran ines ingrid iqbal irene isaac isabel isabella isla ismail iwan jack jackie jacob jacqueline jade jake jamal
james jamie jan jane janet janice jasmine jason jean jeanette jeff jeffrey jen jenna jennifer jenny jeremy jerome jess
jessica jill jim jimmy joan joanna joanne jodie joe joel johanna john johnny jonathan jordan jose joseph josephine
josh joshua joyce juan judith judy julia julian julie juliet justin kamal karen karim karl karolina katarzyna kate
katherine kathleen kathryn kathy katie katy kayleigh keira keith kelly ken kenneth kerry kevin khadija kieran kim
kimberley kiran kirsty krystyna kwame kyle lakshmi lara laura lauren laurence layla leanne lee leila len leo leon
leonard lesley leslie lewis liam libby linda lindsay lisa liz lizzie llinos lloyd logan lois lorna lorraine louis
louisa louise lucas lucia lucinda lucy luke lydia lyn lynn lynne mabel madeleine maeve magdalena maggie mahmoud
malcolm malgorzata mandy manjit marcia marcus mared margaret maria marian marie marilyn marion marjorie marlon martha
martin mary maryam matilda matt matthew maureen maurice mavis max maxine meera megan mehmet meinir mel melanie melissa
mererid mia michael michelle mick mikael mike mildred millie miriam mohamed mohammad mohammed mohamud moira molly mona
monica morag morgan muhammad muriel mustafa myfanwy nadia naomi nasreen natalia natalie natasha nathan neha neil nerys
nia niall niamh nichola nicholas nicola nigel nikhil nina noah noor nora noreen norma norman nuala olga oliver olivia
olu olwen omar oscar osian owain owen pamela parveen patricia patrick patryk paul paula pauline pedro peggy peter
petra phil philip philippa phillip phoebe phyllis piotr poonam priya priyanka rachael rachel rafal rahul raj rajesh
ralph ramesh ranjit rashid raymond rebecca reginald rehana renee rhian rhiannon rhodri rhona rhys richard ricky rita
robbie robert roberta roger roisin roland ron ronald ronnie rory rosalind rosemary rosie ross rowena roxanne roy
rupert russell ruth ryan sabrina sadia saeed sahra sally salma sam samantha samina samir samuel sandeep sandra sanjay
sara sarah saskia scott sean sebastian selina shabana shanice shannon sharon shaun sheila shelley shirley sian sidney
simon simone siobhan sioned sofia sonia sophia sophie stacey stan stanley stefan stella stephanie stephen steve steven
stewart stuart sunita suresh susan susie suzanne sylvia tahir tamara tania tanya tara tariq ted tegan terence teresa
terry thelma theo theresa thomas tia tim timothy tina toby tom tomasz tony tracey tracy trevor tristan tyrone una
ursula valerie vanessa vera veronica vicky victoria vijay vincent viv vivian vivienne walter wayne wendy wilfred
wilhelmina william winifred winston xanthe yasmin yolanda yusuf yvette yvonne zachary zahra zainab zara zeinab zoe
zofia
"""
)
"""Given names."""

LOWER_IS_A_WORD = _all(
    """
ana angus ann asha ben bob bruce cameron carol charlotte chelsea daisy dan dave duncan eva florence frances georgia
gordon harry heather henry jack jade jan jasmine jean jim joe jordan kelly ken kerry kim kiran lara lee len leo leon
logan max mel mia mick mike mona morgan nina noor olu oscar phil raj ron rosemary ross roy russell sally sam scott
stan stella ted terry tia tim tom tony una vera victoria viv
"""
)
"""Given names that are taken for names only with a capital: in small letters they are, or look like, other words."""

RELATIONS = _all(
    """
advocate aunt auntie aunty baby boss boyfriend brother brother-in-law carer child colleague consultant counsellor
cousin dad daughter daughter-in-law dentist doctor ex ex-husband ex-wife father father-in-law fiance fiancee flatmate
foster-mother friend girlfriend gp gran granda grandad granddaughter grandfather grandma grandmother grandson granny
housemate husband interpreter keyworker lad landlady landlord mam manager mate mother mother-in-law mum nain nan nana
neighbour nephew niece nurse pal partner physio physiotherapist psychiatrist psychologist sister sister-in-law
solicitor son son-in-law stepdad stepdaughter stepfather stepmother stepmum stepson supervisor supporter taid teacher
teammate therapist tutor twin uncle wife worker
"""
)
"""Who somebody is to the participant."""

TITLES = _all(
    """
aunt auntie aunty brother canon captain cllr councillor dame dr father gran grandad grandma granny imam lady lord
matron miss mr mrs ms mx nan nana nanny nurse pastor pc prof professor rabbi rev revd reverend sergeant sgt sir sister
uncle
"""
)
"""What stands before a name."""

NO_NAMES = _all(
    """
a access act adhd adult adults advice after age aldi alexa all allah allowance also always alzheimer's alzheimers am
amazon american amhp an and android another anyone apple apr april arabic are asda asian asperger aspergers attendance
aug august auntie autistic bad badge bbc be because been before being bengali big black blind blue bluetooth both
braille britain british bsl but can cantonese care catholic cfs chinese christian christmas citizens could council
covid covid-19 covid19 cpn credit ct dad daddy deaf deafblind dear dec december department did direct disabled diwali
do does dols dr during dwp dyslexic each easter easy eid email emails england english english-born esa europe european
every everybody everyone excel facebook facetime feb february first french fri friday fridays fyi german gmail god
good google gp gran grandad grandma granny gujarati had halloween hanukkah has have he hello her hi hindi hindu his
how i i'd i'll i'm i've if instagram internet ipad iphone ireland irish it italian its jan january jesus jewish jul
july jun june just language last later lidl lockdown lol madam makaton mam mammy mandarin mar march may maybe mca me
mencap messenger microsoft mind miss mon monday mondays most motability mr mri mrs ms multiple mum mummy muslim my nan
nana netflix never new next nhs no nobody not nov november now oct october often ok okay old omg once one only or ot
other our outlook pa parkinson's parkinsons payments pdf people pip please polish portuguese ps punjabi q radio
ramadan read relay romanian sainsbury's samaritans samsung sat saturday saturdays sclerosis scope scotland scottish
second sep sept september service services she should sign signal sikh sir siri skype sms snapchat so social
social-worker somali some somebody someone sometimes sorry spanish staff sun sunday sundays support team teams
telegram tesco text texts thank thanks that the their then there these they this those three thu thurs thursday
thursdays tiktok today tomorrow tue tues tuesday tuesdays turkish tv twitter two uk uncle universal urdu usually very
wales was we web wed wednesday wednesdays well welsh were what whatsapp when where which white who why wi-fi wifi will
word work worker would xmas year yes yesterday you youtube zoom
"""
)
"""Words with a capital that name nobody: days, languages, services, products, and what sentences begin with."""

SAYING = _all(
    """
answered asked asks came comes cried died emailed emails explained explains helped helps knew knows laughed left
listened listens messaged messages moved phoned phones rang replied replies rings said says tells texted texts thinks
thought told visited visits wanted wants writes wrote
"""
)
"""Verbs whose subject is a person."""

GOING = _all(
    """
back bus came come coming down drive drove get getting go goes going gone got move moved moving over train travel
travelled travelling trip up went
"""
)
"""Before `to`, what tells that a place follows."""

AT_A_PLACE = _all(
    """
across around at from in inside into near outside through towards via
"""
)
"""What stands before a place."""

PLACE_ENDS = _all(
    """
academy airport ave avenue beach borough bridge center centre chapel church city clinic close college common council
court crescent docks drive estate farm gardens green grove hall heights hill hospice hospital house infirmary lane
library lodge market mews mosque parade park place practice quay rd rise road row school square station street surgery
temple terrace towers town unit university view village walk ward way wharf
"""
)
"""Words that end the name of a place, when they have a capital too."""

STREETS = "road|street|lane|avenue|crescent|terrace|gardens|close|drive|grove|mews"
"""What an address with a number ends with, in small letters too."""

PLACES = _all(
    """
aberdeen, aberystwyth, accrington, anglesey, ashford, aylesbury, ayr, bangor, barking, barnet, barnsley,
barrow-in-furness, basildon, basingstoke, bath, bedford, belfast, berkshire, birkenhead, birmingham, blackburn,
blackpool, bolton, bournemouth, bradford, brent, brighton, bristol, brixton, bromley, buckinghamshire, burnley, bury,
cambridge, cambridgeshire, camden, canterbury, cardiff, carlisle, carmarthen, ceredigion, chatham, chelmsford,
cheltenham, cheshire, chester, chesterfield, chichester, clacton, colchester, conwy, cornwall, coventry, crawley,
crewe, croydon, cumbria, darlington, dartford, denbigh, derby, derbyshire, devon, doncaster, dorset, dover, dudley,
dundee, durham, ealing, east anglia, eastbourne, edinburgh, enfield, essex, exeter, falkirk, folkestone, gateshead,
gillingham, glasgow, gloucester, gloucestershire, gower, grimsby, guildford, gwynedd, hackney, halifax, hampshire,
haringey, harlow, harrogate, hartlepool, hastings, hereford, herefordshire, hertfordshire, high wycombe, huddersfield,
hull, inverness, ipswich, isle of wight, islington, kensington, kettering, kidderminster, kirklees, lambeth,
lancashire, lancaster, leeds, leicester, leicestershire, lewisham, lincoln, lincolnshire, liverpool, llandudno,
llanelli, london, loughborough, lowestoft, luton, maidstone, manchester, mansfield, margate, merseyside,
merthyr tydfil, middlesbrough, milton keynes, moss side, newcastle, newcastle upon tyne, newham, newport, norfolk,
northampton, northamptonshire, northumberland, norwich, nottingham, nottinghamshire, nuneaton, oldham, oxford,
oxfordshire, paisley, peckham, pembrokeshire, perth, peterborough, plymouth, pontypridd, poole, portsmouth, powys,
preston, reading, redditch, rhondda, rhyl, rochdale, rotherham, rugby, salford, salisbury, scarborough, scunthorpe,
sheffield, shrewsbury, shropshire, slough, solihull, somerset, southampton, southend, southend-on-sea, southport,
southwark, st albans, st helens, stafford, staffordshire, stevenage, stirling, stockport, stockton, stoke,
stoke-on-trent, suffolk, sunderland, surrey, sussex, sutton coldfield, swansea, swindon, taunton, telford, torquay,
tottenham, tower hamlets, truro, tunbridge wells, tyneside, wakefield, walsall, wandsworth, warrington, warwick,
warwickshire, watford, westminster, weston-super-mare, weymouth, whitby, wigan, wiltshire, winchester, windsor,
woking, wolverhampton, worcester, worcestershire, worthing, wrexham, yeovil, ynys mon, york, yorkshire
""",
    between=",",
)
"""Towns, cities, counties and parts of them."""

LOWER_IS_NO_PLACE = _all(
    """
ayr barking bath bury hull perth poole reading rugby slough stoke
"""
)
"""Places that are taken for places only with a capital, and not where a sentence begins."""

AREAS = _all(
    """
ab al b ba bb bd bh bl bn br bs bt ca cb cf ch cm co cr ct cv cw da dd de dg dh dl dn dt dy e ec eh en ex fk fy g gl
gu gy ha hd hg hp hr hs hu hx ig im ip iv je ka kt kw ky l la ld le ll ln ls lu m me mk ml n ne ng nn np nr nw ol ox
pa pe ph pl po pr rg rh rm s sa se sg sk sl sm sn so sp sr ss st sw sy ta td tf tn tq tr ts tw ub w wa wc wd wf wn wr
ws wv yo ze
"""
)
"""The letters that postcodes begin with (Royal Mail's postcode areas)."""
