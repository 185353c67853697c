"""Which countries and people are named in sentences of nineteen languages, all invented; and the traps beside them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from aggregator.clean import clean
from aggregator.config.concepts import shipped
from aggregator.features import Vocabulary
from aggregator.models import Entry, Markup

NOW = datetime(2026, 2, 1, tzinfo=UTC)
# Language | sentence | countries and people named in it (a country by its slug) | those not named, behind a minus sign
SENTENCES = """
en | Patrols in the South China Sea went on | | -china
en | The minister flew from Beijing to Astana | china kazakhstan |
en | Voters in Georgia, said the Georgia governor, may queue longer | georgia |
en | The Georgia secretary of state and Fulton County, Georgia, answered | | -georgia
en | Tbilisi recalled its envoy, a Georgian daily reports | georgia |
en | Michael Jordan sold his house | | -jordan
en | Jordan opened a crossing near Amman | jordan |
en | North Korea and South Korea exchanged notes | north-korea south-korea |
en | Talks on the Korean Peninsula stalled | | -south-korea -north-korea
en | Niger closed an airfield; Nigeria did not | niger nigeria |
en | Oil spilled in the Niger Delta | | -niger
en | Papua New Guinea, Guinea-Bissau and Equatorial Guinea voted | papua-new-guinea guinea-bissau equatorial-guinea | -guinea
en | A guinea pig and a Panama hat were sold | | -guinea -panama
en | The Republic of the Congo asked for rain | republic-of-the-congo | -dr-congo
en | Fighting near Goma in DR Congo | dr-congo | -republic-of-the-congo
en | Northern Ireland and Ireland share a grid | united-kingdom ireland |
en | A bank in Northern Ireland closed | united-kingdom | -ireland
en | New Mexico bought buses | united-states | -mexico
en | Bone china and Chinese whispers | | -china
en | Roast turkey for dinner | | -turkey
en | Ankara said that Turkey would vote | turkey |
en | Chad le Clos won again | | -chad
en | Chad sent a column to N'Djamena | chad |
en | South Sudan and Sudan talk about a pipeline | south-sudan sudan |
en | A ferry sank off South Sudan | south-sudan | -sudan
en | Paris Hilton opened a shop | | -france
en | A fire in London, Ontario | canada | -united-kingdom
en | A church in Boston, Lincolnshire | united-kingdom | -united-states
en | Students in Moscow, Idaho | united-states | -russia
en | A storm reached St. Petersburg, Florida | united-states | -russia
en | A strike in Birmingham, Alabama | united-states | -united-kingdom
en | Winds over the Indian Ocean reached the West Indies | | -india
en | An American Indian tribe bought land | united-states | -india
en | French fries and Cuban heels are in fashion | | -france -cuba
en | Shares of George Washington University Press | | -united-states
en | American Samoa and Samoa signed a fishing pact | american-samoa samoa |
en | Dominica and the Dominican Republic | dominica dominican-republic |
en | Central Macedonia grows peaches | | -north-macedonia
en | The Kremlin and the White House spoke; Downing Street did not | russia united-states united-kingdom |
en | The Knesset sat late while the Bundestag debated | israel germany |
en | Us and them: a tale of two turkeys | | -united-states -turkey
en | Xi Jinping met Emmanuel Macron | china france person:xi-jinping person:emmanuel-macron |
en | Kallas visited a harbour | person:kaja-kallas | -estonia
en | Hunter Biden wrote a book | | -person:joe-biden -united-states
en | Eid Mubarak, said the mayor | | -person:hosni-mubarak -egypt
ru | Китайские компании открыли завод под Минском | china belarus |
ru | Рыба кита больше рыбы сома | | -china
ru | Из-за того поезда опоздали, а после того и автобусы | | -togo
ru | В Северной Корее прошёл парад, в Южной Корее учения | north-korea south-korea |
ru | Саммит в Республике Корея отложили | south-korea | -north-korea
ru | Жители Чада покинули деревни | chad |
ru | Чадо не хочет есть кашу, а в кухне чад | | -chad
ru | Польза от мази мала, малина лучше | | -poland -mali
ru | Кубок мира разыграют на кубической арене | | -cuba
ru | Индюк и индивидуальный тариф | | -india
ru | Грецкие орехи подешевели | | -greece
ru | Учения в Южно-Китайском море | | -china
ru | Корабли вышли в Индийский океан | | -india
ru | Фильм с участием Катарины и Росси выйдет весной | | -qatar -russia
ru | Посол Саудовской Аравии прибыл в Москву | saudi-arabia russia |
ru | Белый дом ответил Кремлю | united-states russia |
ru | О планах Путина рассказал Песков | person:vladimir-putin person:dmitry-peskov russia |
ru | Выборы в Сан-Марино и на Мальте | san-marino malta |
ru | Английский язык учат в школах Бирмы | myanmar | -united-kingdom
ru | Путинцева обыграла китаянку Чжэн | china | -person:vladimir-putin -russia
ru | Путина началась у берегов острова | | -person:vladimir-putin
ru | Лавровый лист кладут в конце, Лавровым венком увенчан поэт | | -person:sergei-lavrov
ru | Семья Байденко и семья Трамповых живут рядом | | -person:joe-biden -person:donald-trump
ru | Чехов написал пьесу за лето | | -czechia
ru | Картину купил у Китайцева сам Украинцеву доверял | | -china -ukraine
ru | Перу Пушкина принадлежит поэма, Чад стоял в кухне | | -peru -chad
ru | Перу закрыло границу, Чад отозвал посла | peru chad |
pt | Temer o futuro não ajuda; Gana de vencer não falta; Catar lixo cansa | | -person:michel-temer -ghana -qatar
pt | O presidente Temer recebeu o enviado de Gana e do Catar | person:michel-temer ghana qatar |
pl | Mali chłopcy i Dania dnia | | -mali -denmark
pl | Wojska wracają z Mali, a Dania czeka | mali denmark |
tr | Katar yola çıktı, develer yoruldu | | -qatar
it | Mali di stagione | | -mali
it | Il Mali e il Niger chiudono la frontiera | mali niger |
es | Pantalones chinos y otro cuento chino | | -china
en | The Trump card of the dinner was chicken Kiev | | -person:donald-trump -ukraine
en | Photo: Zuma Press. Hurd and Freeland play in a Barrot film, Sandu sings | | -person:jacob-zuma -south-africa -person:chrystia-freeland -canada -person:douglas-hurd -person:jean-noel-barrot -person:maia-sandu
en | Maia Sandu called William Ruto | moldova kenya person:maia-sandu person:william-ruto |
nl | Anthony Albanese spreekt met een Albanese minister | albania australia |
nl | Anthony Albanese spreekt het parlement toe | australia | -albania
it | Anthony Albanese parla al parlamento | australia | -albania
en | man fed dogs at the shelter | | -org:federal-reserve -united-states
en | she found an apple and a shell near the river | | -org:apple -org:shell
ru | Лаврову позвонил Байден, а Трампом доволен Путин | person:sergei-lavrov person:joe-biden person:donald-trump person:vladimir-putin |
ru | Косиняк-Камышу ответила Набиуллина, о Моравецком речи нет | person:wladyslaw-kosiniak-kamysz person:elvira-nabiullina person:mateusz-morawiecki |
uk | Лукашенко зустрів Лаврова, Байденові зателефонували | person:alexander-lukashenko person:sergei-lavrov person:joe-biden |
uk | Українські та польські посли зустрілися у Києві | ukraine poland |
uk | До того ж досі йде дощ, а гази шкідливі | | -togo -qatar -palestine
uk | У Північній Македонії та Греції спека | north-macedonia greece |
uk | Російські війська відійшли від Харкова | russia ukraine |
uk | Володіння мовою обов'язкове | | -person:vyacheslav-volodin
uk | Верховна Рада ухвалила закон | ukraine |
uk | Сполучені Штати й Туреччина домовились | united-states turkey |
pl | Ambasador Chin odwiedził Warszawę | china poland |
pl | Tajemnica pragmatycznej Katarzyny i Dominiki | | -thailand -czechia -qatar -dominica
pl | Niemcy i Francja podpisały umowę w Paryżu | germany france |
pl | Prezydent Ukrainy leci do Stanów Zjednoczonych | ukraine united-states |
pl | Moskwa odrzuca propozycje Kijowa | russia ukraine |
de | Die chinesische Führung in Peking lädt Indiens Premier ein | china india |
de | Am Rand des Südchinesischen Meeres | | -china
de | Polnische und tschechische Bauern protestieren in Brüssel | poland czechia belgium |
de | Kohl und Kurzarbeit | | -person:helmut-kohl -person:sebastian-kurz
de | Der Bundestag stimmt über Hilfen für die Ukraine ab | germany ukraine |
de | Auf Island ist ein Vulkan ausgebrochen | iceland |
de | Die Vereinigten Staaten und Südkorea üben gemeinsam | united-states south-korea |
de | Frankreichs Präsident trifft Merz in Berlin | france germany person:friedrich-merz |
fr | Le président chinois reçu à l'Élysée | china france |
fr | La Guyane française et la Polynésie française | french-guiana french-polynesia | -france
fr | François Hollande publie ses mémoires | person:francois-hollande | -netherlands
fr | La réunion de Maurice et de Chine commence demain | china | -reunion -mauritius
fr | L'Ukraine et la Russie échangent des prisonniers | ukraine russia |
fr | Des Nigériens et des Nigérianes à l'école | niger nigeria |
fr | Le Kremlin refuse, la Maison-Blanche attend | russia united-states |
es | La reunión de ministros chilenos y peruanos en Lima | chile peru | -reunion
es | El mar de China Meridional | | -china
es | Estados Unidos y Corea del Norte | united-states north-korea | -south-korea
es | La gala de la jordana | | -france -jordan
es | El Gobierno ruso y el alemán | russia germany |
es | Georgia Meloni no existe; Giorgia Meloni sí | person:giorgia-meloni italy | -georgia
pt | O Brasil e a Argentina assinam acordo em Brasília | brazil argentina |
pt | Irã e Arábia Saudita retomam voos | iran saudi-arabia |
pt | Fico feliz com isso | | -person:robert-fico -slovakia
pt | Salvador terá chuva e Ana Lima também | | -el-salvador -peru
pt | A Guiné-Bissau e a Guiné Equatorial | guinea-bissau equatorial-guinea | -guinea
it | Il governo francese e quello tedesco a Roma | france germany italy |
it | La riunione di oggi a Monaco di Baviera | germany | -reunion -monaco
it | Modi per risparmiare sui grossi mobili | | -person:narendra-modi -india
it | Grossi problemi al porto | | -person:rafael-grossi
it | La Casa Bianca risponde a Mosca | united-states russia |
nl | De Duitse bondskanselier in Den Haag | germany netherlands |
nl | Frans Timmermans en de Zuid-Chinese Zee | | -france -china
tr | Çin'in Ankara büyükelçisi Rusya'ya gitti | china turkey russia |
tr | Sam okula gitti, mali tablo açıklandı | | -syria -mali
tr | Suriye ile Irak sınırı | syria iraq |
zh | 中国和美国举行会谈 | china united-states |
zh | 发展中国家的代表在上海地区参观 | china | -haiti
zh | 发展中国家需要资金 | | -china
zh | 他信任自己的朋友，理查德也一样 | | -person:thaksin-shinawatra -chad
zh | 印度尼西亚位于印度洋 | indonesia | -india
zh | 賴清德在臺北會見日本議員 | taiwan japan person:lai-ching-te |
zh | 白俄罗斯外长访问俄罗斯 | belarus russia |
zh | 可以方便所以方案今日方定 | | -israel -japan
zh | 巴布亚新几内亚发生地震 | papua-new-guinea | -guinea
ja | 日本政府と中国政府が協議した | japan china |
ja | アドバイスのタイトルはサッパリ | | -united-arab-emirates -thailand -france
ja | 米国のトランプ大統領が訪日 | united-states person:donald-trump |
zh | 其中美国代表发言，谈判中俄罗斯代表缺席 | united-states russia | -china
zh | 中俄海军举行联合演习 | china russia |
zh | 俄乌交换战俘 | russia ukraine |
ja | 日米首脳会談 | japan united-states |
ja | 米中間選挙で与党が負けた | | -china
ja | 米中央軍の司令官が視察した | | -china
ja | 米中西部で竜巻、米中小企業にも被害 | | -china
ja | 夜中ロケット花火の音、道路の真ん中ロバがいた | | -china -russia
ja | 米中会談のあと中ロ関係が議題になった | china united-states russia |
ja | 日中関係と日韓関係、日米韓の連携 | japan china south-korea united-states |
zh | 俄中部城市下了大雪 | | -china
zh | 其中俄军占多数，其中俄语课最受欢迎 | | -china
zh | 其中美元占六成，其中美军基地关闭 | | -china
zh | 集中印发材料，集中法治教育 | | -china -india -france
zh | 高中日语老师，当中日期有误 | | -china -japan
zh | 美中不足的是价格偏高，其中韩语版未出 | | -china -united-states -south-korea
zh | 其中俄海军和其中美海军各三艘 | | -china
zh | 精美日历和完美日记 | | -japan -united-states
zh | 中美经贸磋商与俄中合作 | china united-states russia |
zh | 中日韓領導人會議，美韓同盟 | china japan south-korea united-states |
ja | 露天風呂、毎日英語 | | -russia -japan
ja | 中国地方で大雨 | | -china
ja | 北朝鮮がミサイルを発射、韓国が非難 | north-korea south-korea |
ko | 미국과 중국이 회담을 열었다 | united-states china |
ko | 인도적 지원이란 수단을 말리지 않는다 | | -india -iran -sudan -mali
ko | 이란의 외무장관이 테헤란에서 밝혔다 | iran |
ko | 한미 정상 회담과 미중 갈등 | south-korea united-states china |
ko | 북한과 러시아의 협력 | north-korea russia |
ar | التقى الرئيس الصيني بوزير الخارجية الروسي في موسكو | china russia |
ar | وصلت المساعدات إلى غزة عبر مصر | palestine egypt |
ar | الوضع المالي والتركيز على عراقيل العمل | | -mali -turkey -iraq
ar | والولايات المتحدة وبريطانيا | united-states united-kingdom |
fa | وزیر خارجه ایران به مسکو رفت | iran russia |
fa | قطر این لوله دو متر است | | -qatar
fa | کاخ سفید و چین | united-states china |
hi | भारत और पाकिस्तान के बीच बातचीत | india pakistan |
hi | माली ने चीनी खरीदी | | -mali -china
hi | अमेरिकी राष्ट्रपति ने रूस को चेताया | united-states russia |
id | Presiden Rusia tiba di Jakarta | russia indonesia |
id | Lima orang luka | | -peru
vi | Trung Quốc và Nhật Bản họp tại Hà Nội | china japan vietnam |
vi | Anh ấy gặp chị Nga và cô Mỹ Linh | | -united-kingdom -russia -united-states
"""


def rows() -> Iterator[tuple[str, str, set[str], set[str]]]:
    for line in SENTENCES.strip().splitlines():
        language, sentence, named, others = (part.strip() for part in line.split("|"))
        absent = [name.removeprefix("-") for name in others.split()]
        yield language, sentence, set(map(identity, named.split())), set(map(identity, filter(None, absent)))


def identity(name: str) -> str:
    return name if ":" in name else f"country:{name}"


@cache
def vocabulary() -> Vocabulary:
    return Vocabulary(shipped())


@pytest.mark.parametrize(("language", "sentence", "named", "others"), list(rows()))
def test_a_sentence_names(language: str, sentence: str, named: set[str], others: set[str]) -> None:
    article = clean(Entry(title=Markup(sentence)), source="s", now=NOW, declared_language=language)
    assert article.title == sentence
    found = set(vocabulary().read(article).concepts)
    assert named <= found
    assert not others & found
    assert named | others <= set(shipped())


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("ru", "Китай Россия Индия Грузия Сирия Турция Украина Япония Иран Ирак Египет Куба Катар Ливан Сербия Чехия"),
        ("uk", "Китай Росія Індія Грузія Сирія Туреччина Україна Японія Іран Єгипет Куба Катар Польща Чехія"),
        ("pl", "Chiny Rosja Indie Gruzja Syria Turcja Ukraina Japonia Iran Kuba Katar Polska Czechy Niemcy Francja"),
        ("de", "China Russland Indien Georgien Syrien Türkei Ukraine Japan Iran Kuba Katar Polen Frankreich"),
        ("fr", "Chine Russie Inde Géorgie Syrie Turquie Ukraine Japon Iran Cuba Qatar Pologne Allemagne"),
        ("es", "China Rusia India Georgia Siria Turquía Ucrania Japón Irán Cuba Catar Polonia Alemania Francia"),
        ("pt", "China Rússia Índia Geórgia Síria Turquia Ucrânia Japão Irã Cuba Catar Polónia Alemanha França"),
        ("tr", "Çin Rusya Hindistan Gürcistan Suriye Türkiye Ukrayna Japonya İran Küba Polonya Almanya Fransa"),
    ],
)
def test_each_country_is_known_by_its_plain_name(language: str, names: str) -> None:
    """Forms that stand in the place of a stem may leave it out."""
    unknown = []
    for name in names.split():
        article = clean(Entry(content=Markup(f"„{name}“ 2026"), language=language), source="s", now=NOW)
        if not any(found.startswith("country:") for found in vocabulary().read(article).concepts):
            unknown.append(name)
    assert unknown == []


@pytest.mark.parametrize(
    ("name", "concept", "date", "stands"),
    [
        ("Riek Machar", "country:south-sudan", "2013-01-01", True),
        ("Riek Machar", "country:south-sudan", "2014-01-01", False),
        ("Riek Machar", "country:south-sudan", "2018-01-01", False),
        ("Riek Machar", "country:south-sudan", "2026-01-01", False),
        ("Annalena Baerbock", "org:un", "2026-01-01", True),
        ("Annalena Baerbock", "org:un", "2026-10-01", False),
        ("Manuel Valls", "country:france", "2025-05-01", True),
        ("Manuel Valls", "country:france", "2020-05-01", False),
        ("Winston Peters", "country:new-zealand", "2007-01-01", True),
        ("Michelle Bachelet", "org:un", "2020-01-01", True),
        ("Michelle Bachelet", "country:chile", "2020-01-01", False),
        ("Michel Barnier", "org:eu", "2012-01-01", True),
        ("Mario Monti", "org:eu", "2000-01-01", True),
        ("Sergei Shoigu", "country:russia", "2008-01-01", True),
        ("Prime Minister Paul Martin", "country:canada", "2003-01-01", False),
        ("Itamar Ben-Gvir", "country:israel", "2025-02-10", False),
        ("Itamar Ben-Gvir", "country:israel", "2025-05-01", True),
    ],
)
def test_a_person_stands_for_others_while_in_office(name: str, concept: str, date: str, stands: bool) -> None:
    now = datetime.fromisoformat(date).replace(tzinfo=UTC)
    article = clean(Entry(title=Markup(f"Tea with {name}")), source="s", now=now, declared_language="en")
    assert (concept in vocabulary().read(article).concepts) is stands
