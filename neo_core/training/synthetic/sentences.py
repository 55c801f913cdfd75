"""Texts for the speech factory: English by hand and by grammar, and short texts in other languages.

All our own writing. Numbers are spelt out, so that the words of a text are the words that are spoken. The sentences are
rich in what lips show (p b m, f v, w and rounded vowels), in questions, exclamations and pauses.
"""

from random import Random

ENGLISH = """
Hello, and welcome. My name is Mabel, and I will be your guide today.
Please move both boxes from the basement, and put them by the blue pump.
Maybe Bob bought a big brown bag of beans, but nobody believes him.
Who knew you could move through two rooms so smoothly?
Wow, what a wonderful wedding that was!
My mother made marmalade on Monday morning.
Five very fine violins have vanished from the village.
Would you show me how to go home, please?
Oh no, the boat is going over!
People often compare apples and plums, but I prefer pumpkin pie.
We will wait for you by the window until a quarter to two.
She sees three green trees, and he sees the sea.
The moon moved over the water, slow and smooth and blue.
Stop! Put the paper down, step back, and breathe.
Is it possible to pay by mobile phone, or must I bring a bank card?
Peter, Paul, and Mary play the piano, the bass, and the oboe.
Well... let me think about that for a moment.
No problem at all. We can begin whenever you are ready.
Half of the family left before five.
I beg your pardon? Could you repeat the number, please?
One, two, three, four, five, six, seven, eight, nine, ten.
The number is zero eight hundred, five five one, nine two six four.
A warm bowl of mushroom soup would be perfect just now.
Jump over the jagged edge, Joe, and just keep going.
Which watch did you choose? The cheap one, or the charming one?
Thank you, thank you so much, that means a lot to me.
The weather will be cloudy, with a chance of showers in the afternoon.
Everybody knows that bumblebees bump into bamboo.
I am not angry. I am merely, mildly, mighty disappointed.
How many months have you been working from home?
Look! A beautiful bird above the bridge!
Our new book is about music, movement, and memory.
The old oak door opened onto an open road.
Few views improve a mood more than blue sky over snow.
Pack my box with five dozen liquor jugs.
The quick brown fox jumps over the lazy dog.
Amazing grapes grow by the pebble beach.
Both of them whispered, then both of them laughed.
Do you prefer tea, or coffee, or maybe a cup of cocoa?
It was the best of times. It was, perhaps, the only time.
Put plenty of pepper in the pot, Pam!
I wonder who will win the World Cup.
Mum baked bread; Dad burned it.
Be calm. Breathe in, and breathe out. Now begin.
Someone must have moved my umbrella.
The prime minister spoke for forty-five minutes.
Why would we worry? We have a wise woman with us.
Fresh fish and chips, with vinegar, for five pounds fifty.
Our flight leaves at half past four in the morning.
Remember to bring bottled water, warm clothes, and a map.
The baby blew a big bubble, and it popped.
Absolutely not! I would never, ever, do that.
You say goodbye, and I say hello.
This is a public service announcement. Please mind the gap.
A group of blue balloons floated over the roof.
Could somebody please open a window?
He bowed, she bowed, and the audience applauded.
Rubber baby buggy bumpers, rubber baby buggy bumpers.
How now, brown cow?
Simple problems are simple; hard problems are merely many simple ones.
I hope, I really hope, that you will come with us.
Mark my words: by Wednesday, nobody will remember.
The museum opens at nine. Admission is free for children.
Move. Move! You are blocking the way!
The pump is empty, the lamp is broken, and the camp is cold.
Sixty-six thick thistle sticks.
Swimming in warm water improves my mood.
A smooth voice on the phone told me to wait.
Are you sure about this? I am not so sure.
Once upon a time, in a small town by a river, there lived a bookbinder.
Good evening. Here are the main points of the news.
In our experience, most people improve within a month or two.
Let us go over the plan one more time, step by step.
Bring me the map, will you, and my blue pen.
My favourite colours are purple, amber, and bright yellow.
The chef chopped a bunch of parsley and a pinch of thyme.
Oops! I dropped the ball.
Poor Bruno grew a huge moustache in February.
You look wonderful. Who did your portrait?
Never mind. We move on.
Hmm, I see. And what happened then?
Above all, be brave, be brief, and be back by bedtime.
The vivid violet of the evening faded above the valley.
Through the fog we could hear a low horn blowing.
Yes, of course! Come in, come in, make yourself comfortable.
There is a problem with my computer; it beeps, and beeps, and beeps.
Mushrooms, bamboo shoots, and a spoonful of plum sauce.
Welcome aboard. Our journey from Oxford to Bournemouth will take about two hours.
I have been up since five, so forgive me if I mumble.
He promised to phone, but I suppose he forgot.
The whole world was quiet, and the snow fell, and fell.
What? Who? When? Where? And, above all, why?
Please help me push this piano up the ramp.
My brother's boss is a member of the film club.
Photographs cannot speak. Or can they?
You open your mouth, you close your lips, and a picture comes alive.
Nobody was filmed for this. No camera, no actor, no studio.
A portrait may blink, may nod, and may look at you while it speaks.
Smile, pause, and speak from the heart.
Boom! The drum went boom, and the dog went woof.
Ha ha ha ha! Oh, that is wonderful.
Ha ha ha ha ha! You should have seen your face.
Oh no, not again! Ha ha ha ha ha ha!
Ha ha ha! Sorry, sorry, I am better now. Ha ha ha ha!
""".strip().splitlines()

_PEOPLE = "Bob;Mabel;Paul;Emma;my brother;our boss;the woman in blue;everybody;Mister Webb;the baker;Maria;Vivian;the whole team;William;Poppy;the boy;a farmer;Joe;Doctor Moore;Ruth"  # noqa: E501
_VERBS = "moved;bought;opened;found;mentioned;improved;watched;borrowed;removed;brought;chose;painted;forgot;showed us;wrapped;measured;threw away;looked for;picked up;fixed"  # noqa: E501
_ADJECTIVES = "big;blue;warm;beautiful;empty;whole;smooth;broken;famous;purple;brown;wooden;simple;new;huge;rough;heavy;quiet;green;funny;strange;cheap;lovely"  # noqa: E501
_NOUNS = "piano;book;mirror;boat;umbrella;map;bottle of water;bowl of soup;film;photograph;lamp;violin;pump;balloon;garden;voice;cup;chair;bridge;poem;window;shoe;movie;jacket;thumb;ship"  # noqa: E501
_PLACES = "by the window;from the basement;above the river;at home;in the middle of the room;before breakfast;on Monday;in February;behind the museum;for my mother;without a word;in two weeks;around noon;over the weekend;with both hands"  # noqa: E501
_OPENERS = "Well,;You know,;Honestly,;By the way,;Oh,;Of course,;Maybe;So,;In my opinion,;Wow,;Look,;First of all,;Believe me,;Hmm,"  # noqa: E501
_PATTERNS = (
    "{person} {verb} the {adjective} {noun} {place}.",
    "{opener} {person} {verb} a {adjective} {noun}, and {person2} {verb2} the {noun2}.",
    "Did you know that {person} {verb} the {noun} {place}?",
    "What a {adjective} {noun}! Where did you find it?",
    "{opener} the {noun} was {adjective}, but the {noun2} was not.",
    "Who {verb} my {adjective} {noun}? Was it {person}?",
    "The {noun}, the {noun2}, and the {adjective} {noun3} will be shown {place}.",
    "Please, bring me the {adjective} {noun}... and the {noun2}.",
    "{person} was {adjective}; {person2} was more {adjective2}.",
    "Number {number}: the {adjective} {noun}. Number {number2}: the {noun2}.",
    "No! Not the {noun}, the {adjective} {noun2}!",
    "{opener} why would {person} want {number} {adjective} things {place}?",
)
_NUMBERS = "one;two;three;four;five;six;seven;eight;nine;ten;eleven;twelve;fifteen;twenty-four;thirty;forty-two;fifty;sixty-five;one hundred"  # noqa: E501
_SLOTS = {
    "person": _PEOPLE, "verb": _VERBS, "adjective": _ADJECTIVES, "noun": _NOUNS, "place": _PLACES, "opener": _OPENERS,
    "number": _NUMBERS,
}  # fmt: skip

OTHER_LANGUAGES = {
    "gmw/de": """
Guten Morgen, mein Name ist Emma, und ich möchte Ihnen etwas zeigen.
Warum blüht der Baum im Februar? Das wäre wunderbar!
Bitte bringen Sie mir einen Becher Milch, ein Stück Brot und Pflaumenmus.
Die Bücher über Musik stehen oben, die schönen Bilder hängen unten.
Fünf Frauen fuhren früh am Morgen mit dem Boot über den Fluss.
Oh, wie schön! Komm herein, mach es dir bequem.
Mama und Papa haben um halb vier im Park gewartet.
Ich weiß nicht, ob wir heute noch ankommen. Vielleicht morgen.""",
    "roa/fr": """
Bonjour, je m'appelle Paul, et je voudrais vous montrer quelque chose.
Un bon vin blanc, un peu de pain, et une pomme, s'il vous plaît.
Où est le petit bateau bleu? Je ne le vois plus!
Ma mère a beaucoup aimé le film, mais mon frère a préféré le livre.
La lune brille au-dessus du pont, et tout le monde se tait.
Combien de personnes vont venir? Vingt-deux, peut-être vingt-cinq.
Oh là là, quelle belle surprise! Entrez, entrez.
Nous avons vu beaucoup de jolies fleurs au bord de la mer.""",
    "roa/es": """
Hola, me llamo María, y quiero mostrarle una cosa.
¿Por qué no vamos a la playa por la mañana?
Mi abuela prepara un buen pan con mantequilla y un poco de miel.
¡Qué bonito! Nunca había visto un barco tan blanco.
El perro corre, el pájaro vuela, y el bebé bebe.
Uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez.
Pablo puso el piano junto a la puerta, pero nadie lo movió.
Muchas gracias por venir. Ha sido un placer, de verdad.""",
    "roa/it": """
Buongiorno, mi chiamo Bruno, e vorrei farvi vedere una cosa.
Gli amici vogliono bere un bicchiere di vino buono.
Che bello! Quando vieni a trovarci, domani o dopodomani?
La mamma prepara una zuppa di pomodoro, e il bambino dorme.
Il ponte vecchio è vicino, basta passare per la piazza.
Non so perché piove sempre quando voglio uscire.
Cinque più sette fa dodici, e dodici più otto fa venti.""",
    "roa/pt-BR": """
Bom dia, meu nome é Beto, e eu quero mostrar uma coisa.
Você pode trazer um copo de água, por favor?
Minha mãe comprou pão, uva e um bolo muito bom.
Que maravilha! O mar está azul, e o vento é bom.
O menino abriu a porta, mas não viu ninguém.
Quanto custa? Cinquenta e cinco, ou sessenta?""",
    "gmw/nl": """
Goedemorgen, mijn naam is Pim, en ik wil u iets laten zien.
Waarom staat het boek boven, en de bloem beneden?
Mijn moeder bakt brood, en mijn broer drinkt warme melk.
Wat mooi! Kom binnen, kom binnen, ga zitten.
Over een uur vaart de boot onder de brug door.
Vijf vrouwen fietsen door het bos, en niemand praat.""",
    "gmq/sv": """
God morgon, jag heter Maja, och jag vill visa er något.
Varför blåser det så mycket på bron i februari?
Min bror köpte bröd, smör och en burk blåbär.
Så vackert! Kom in, kom in, och sätt dig.
Båten går klockan fem, om den inte blir försenad.
Ingen vet, men många undrar.""",
    "zlw/pl": """
Dzień dobry, mam na imię Ewa i chcę wam coś pokazać.
Dlaczego moja mama pije kawę bez mleka?
Piękny biały motyl usiadł na oknie.
Proszę, podaj mi mapę, parasol i butelkę wody.
Brawo! To był bardzo dobry pomysł.
Bóbr buduje dom nad rzeką, powoli i spokojnie.""",
    "zle/ru": """
Привет, меня зовут Анна, и я хочу вам кое-что показать.
Почему мама не пьёт молоко?
Большой белый пароход плывёт под мостом.
Пожалуйста, принеси мне воды и немного хлеба.
Ура! Мы победили, и все очень рады.
Вы любите музыку? Я люблю петь по утрам.
Папа купил пять новых книг, а мой брат их уже прочитал.""",
    "trk/tr": """
Merhaba, benim adım Umut, size bir şey göstermek istiyorum.
Bugün hava çok güzel, değil mi?
Annem bana büyük bir bardak süt ve biraz ekmek verdi.
Ne güzel! Buyurun, içeri gelin.
Köprünün üstünde mavi bir otobüs bekliyor.
Beş, altı, yedi, sekiz, dokuz, on.""",
    "inc/hi": """
नमस्ते, मेरा नाम रवि है, और मैं आपको कुछ दिखाना चाहता हूँ।
आप कब आए? मुझे पता नहीं था।
मेरी माँ बाज़ार से फल, पानी और मिठाई लाई।
वाह, बहुत बढ़िया! अंदर आइए, बैठिए।
बगीचे में पीले फूल और बड़े पेड़ हैं।
पाँच बजे बस पुल के पास रुकेगी।""",
    "sem/ar": """
مرحبا، اسمي مريم، وأريد أن أريكم شيئا.
كيف حالك اليوم؟ هل وصلت باكرا؟
أبي اشترى خبزا وموزا وماء باردا.
ما أجمل هذا البيت! تفضل بالدخول.
البحر أزرق، والقمر فوق الجبل.
واحد، اثنان، ثلاثة، أربعة، خمسة.""",
    "jpx/ja": """
こんにちは、わたしのなまえはまみです。みなさんにおみせしたいものがあります。
きょうはとてもいいてんきですね。
ははがパンとみずとぶどうをかいました。
すごい！どうぞ、はいってください。
ふねはごごごじにみなとをでます。
どうしてあめがふるのでしょうか。""",
    "ko": """
안녕하세요, 제 이름은 미나입니다. 여러분께 보여 드릴 것이 있습니다.
오늘 날씨가 참 좋네요, 그렇죠?
엄마가 빵과 물과 포도를 샀어요.
와, 정말 멋지다! 어서 들어오세요.
배가 다섯 시에 항구를 떠납니다.
왜 아무도 말을 안 해요?""",
    "sit/cmn-Latn-pinyin": """
ni3 hao3, wo3 jiao4 ma3 ming2, wo3 xiang3 gei3 ni3 kan4 yi1 ge4 dong1 xi5.
jin1 tian1 tian1 qi4 hen3 hao3, ni3 yao4 chu1 qu4 ma5?
ma1 ma5 mai3 le5 mian4 bao1, ping2 guo3 he2 pu2 tao5.
tai4 bang4 le5! qing3 jin4, qing3 zuo4.
wo3 men5 wu3 dian3 qu4 bei3 jing1, hao3 bu4 hao3?
bai2 ma3 pao3 guo4 le5 mu4 qiao2.""",
    "urj/fi": """
Hyvää huomenta, minun nimeni on Pauli, ja haluan näyttää teille jotain.
Miksi äiti puhuu puhelimessa koko päivän?
Poika osti leipää, vettä ja omenoita.
Mahtavaa! Tulkaa sisään, olkaa hyvä.
Vene lähtee viideltä, jos tuuli on hyvä.
Yksi, kaksi, kolme, neljä, viisi.""",
    "grk/el": """
Καλημέρα, με λένε Μαρία και θέλω να σας δείξω κάτι.
Γιατί δεν πάμε στη θάλασσα το πρωί;
Ο μπαμπάς αγόρασε ψωμί, νερό και μήλα.
Τι ωραία! Περάστε μέσα, παρακαλώ.
Το πλοίο φεύγει στις πέντε, αν δεν φυσάει.""",
    "poz/id": """
Selamat pagi, nama saya Budi, dan saya ingin menunjukkan sesuatu.
Mengapa ibu membeli banyak pisang dan buah mangga?
Wah, bagus sekali! Mari masuk, silakan duduk.
Kapal putih itu pergi pukul lima sore.
Bapak membaca buku di bawah pohon besar.""",
}


def english_sentence(random: Random) -> str:
    """One English text: about half hand-written, half from the grammar."""
    if random.random() < 0.5:
        return random.choice(ENGLISH)
    return _compose(random)


def foreign_sentences(language: str) -> list[str]:
    """Our texts in one of `OTHER_LANGUAGES`."""
    return OTHER_LANGUAGES[language].strip().splitlines()


def _compose(random: Random) -> str:
    pattern = random.choice(_PATTERNS)
    words = {}
    for slot, choices in _SLOTS.items():
        picks = random.sample(choices.split(";"), 3)
        words |= {slot: picks[0], f"{slot}2": picks[1], f"{slot}3": picks[2]}
    text = pattern.format(**words)
    return text[0].upper() + text[1:]
