"""Which organisations and subjects are named in sentences of fourteen languages, all invented."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from aggregator.clean import clean
from aggregator.config.concepts import shipped
from aggregator.features import Vocabulary
from aggregator.models import Entry, Markup

NOW = datetime(2026, 3, 1, tzinfo=UTC)
# Language | sentence | concepts that are named in it | concepts that are not, behind a minus sign
SENTENCES = """
en | The council froze the accounts and widened its sanctions | subject:sanctions | -subject:inflation
en | Officials on duty raised the rate of inspections | | -subject:tariffs -subject:interest-rates
en | The central bank cut interest rates by half a point | subject:interest-rates | -org:ecb
en | A tariff on steel would start a trade war, exporters warn | subject:tariffs subject:trade | -subject:sanctions
en | The mobile tariff rises to 20 pounds | | -subject:tariffs -subject:trade
en | Missiles and drones hit the harbour | subject:missiles subject:drones | -subject:space
en | A drone metal band plays in the old factory | | -subject:drones
en | WHO sends cholera vaccines | org:who subject:vaccines subject:public-health | -org:wto
en | Who sends us flowers? | | -org:who
en | Nato and the EU sign a declaration | org:nato org:eu | -org:un
en | The trade union met without agreeing on pay | | -subject:trade -org:eu
en | Olive oil and snake oil | | -subject:oil -subject:energy
en | Tankers queue before the Strait of Hormuz | subject:shipping | -subject:coal
en | Asylum seekers wait at the border crossing | subject:refugees subject:migration | -subject:protests
en | Prisoners begin a hunger strike | | -subject:labour-strikes -subject:food-security
en | Dockers went on strike over pay | subject:labour-strikes | -subject:armed-conflict
en | The junta closed the border after the coup | subject:coups | -subject:elections
en | A coup for the small publisher | | -subject:coups
en | Fifa moves the draw to March | org:fifa subject:football subject:sport | -org:uefa
en | Energy drink makers report lower sales | | -subject:energy
en | Wheat harvest fails in the third year of drought | subject:agriculture subject:drought subject:disasters | -subject:floods
en | A cobalt blue vase | | -subject:critical-minerals
en | Chipmakers want export licences for lithography machines | subject:semiconductors subject:export-controls | -subject:sport
en | Volunteers used a brand ambassador to raise money | | -subject:diplomacy
en | Suitors court the widow, the trials of a young cook, the verdict of the critics | | -subject:courts
en | She is fast off the court, and on the court patient | | -subject:courts
en | A court in the capital sentenced the editor | subject:courts | -subject:sport
en | The former minister goes on trial for fraud | subject:courts | -subject:elections
en | A diesel engine and a vintage car | | -subject:oil
en | Diesel prices rise for truckers | subject:oil | -subject:trade
en | Votes are the currency of politics | | -subject:currencies
en | The country's currency fell to a new low | subject:currencies | -subject:inflation
en | Beef stew with pork, corn and barley: the cream of the crop | | -subject:agriculture
en | Corn prices rose after the crop failure | subject:agriculture | -subject:oil
en | He sang with nervous energy, full of energy, she danced | | -subject:energy
en | Energy ministers agree on gas storage | subject:energy | -subject:oil
en | A rebel with a cause shelled the peas | | -subject:armed-conflict
en | Rebel fighters took the bridge; the town was shelled | subject:armed-conflict | -subject:elections
de | Ein Film über eine Tüte Chips auf der schiefen Bahn | | -subject:culture -subject:semiconductors -subject:rail
de | Nach langem Zögern fiel die Wahl auf Züge der Romantik | | -subject:elections -subject:rail
de | Nach der Wahl sinkt die Wahlbeteiligung als Thema | subject:elections | -subject:courts
de | Kinofilme und Spielfilme laufen im Herbst | subject:culture | -subject:sport
de | Die Islamisten gewannen Sitze im Parlament | | -subject:terrorism
fr | On pose un parquet dans le salon, verdict des critiques | | -subject:courts
fr | Le parquet requiert cinq ans de prison | subject:courts | -subject:education
fr | On l'a traité de menteur dans un traité de philosophie | | -subject:treaties
fr | Les deux pays signent un traité de paix | subject:treaties | -subject:trade
fr | L'essence de la poésie | | -subject:oil
fr | Le prix de l'essence grimpe | subject:oil | -subject:rail
fr | Trêve hivernale pour les locataires, sans trêve | | -subject:peace-talks
fr | La trêve tient, disent les deux armées | subject:peace-talks | -subject:trade
fr | La gauche vote la censure contre le Premier ministre | | -subject:press-freedom
fr | Jugé pour attentat à la pudeur | | -subject:terrorism
fr | Le Mondial de handball commence | | -subject:football
fr | Une bourse pour étudiants, la Bourse du travail | | -subject:stock-markets
fr | La Bourse de Paris recule | subject:stock-markets | -subject:sport
fr | Le gouvernement annonce un train de mesures, le navire va bon train | | -subject:rail
fr | Un train a déraillé près de la gare | subject:rail | -subject:aviation
fr | Le sens spatial des enfants et leurs puces | | -subject:space -subject:semiconductors
fr | L'agence spatiale commande des puces mémoire | subject:space subject:semiconductors | -subject:rail
fr | Il passe le second tour du tournoi | | -subject:elections
es | El juez de línea y los granos de café en la cara | | -subject:courts -subject:agriculture
es | El juez federal ordenó su captura | subject:courts | -subject:football
zh | 学生们选了一门新课程 | | -subject:education
zh | 水库边垂钓，工厂供水果 | | -subject:water
zh | 全城供水中断 | subject:water | -subject:education
zh | 数字货币钱包，货币宽松 | | -subject:currencies
de | Bundesregierung plant höhere Zölle auf Stahl | subject:tariffs subject:trade | -subject:sanctions
de | Die EZB senkt den Leitzins | org:ecb subject:interest-rates | -subject:inflation
de | Tausende demonstrieren: Proteste gegen das Mediengesetz | subject:protests subject:press-freedom | -subject:elections
de | Geschäftsklima und Betriebsklima haben sich verbessert | | -subject:climate
de | Der Klimawandel macht Dürren häufiger | subject:climate subject:drought | -subject:heat
de | Die Bildung einer Regierung dauert an | | -subject:education
de | Lokführer legen Güterzüge lahm: Warnstreik bei der Bahn | subject:labour-strikes subject:rail | -subject:aviation
de | Sonde erreicht Umlaufbahn um den Mars | | -subject:rail
de | Halbleiterhersteller klagen über Exportkontrollen | subject:semiconductors subject:export-controls | -subject:energy
de | Die Nato berät über Verteidigungsausgaben | org:nato subject:defence-spending | -org:osce
de | Asylbewerber warten auf Abschiebung | subject:refugees subject:migration | -subject:crime
de | Öl auf Leinwand, ein Geschenk | | -subject:oil
fr | Grève des cheminots : aucun train avant lundi | subject:labour-strikes subject:rail | -subject:aviation
fr | Il est en train de perdre patience | | -subject:rail
fr | La motion de censure est rejetée | | -subject:press-freedom
fr | Le cessez-le-feu tient depuis trois jours | subject:peace-talks | -subject:wildfires
fr | L'Otan renforce sa défense aérienne | org:nato subject:missiles | -org:eu
fr | Les feux de forêt avancent malgré les Canadair | subject:wildfires subject:disasters | -subject:floods
fr | Nouveaux droits de douane sur l'acier | subject:tariffs subject:trade | -subject:human-rights
fr | Un séisme de magnitude 6 secoue l'île | subject:earthquakes subject:disasters | -subject:storms
fr | Les droits humains reculent, alertent des avocats | subject:human-rights | -subject:war-crimes
es | El banco central sube la tasa de interés | subject:interest-rates | -subject:inflation
es | Sin embargo, nadie respondió | | -subject:sanctions
es | Miles de migrantes cruzan la selva | subject:migration | -subject:refugees
es | La huelga paraliza los aeropuertos | subject:labour-strikes subject:aviation | -subject:rail
es | La OTAN y la ONU piden calma | org:nato org:un | -org:eu
es | La moción de censura fracasó por dos votos | | -subject:press-freedom
es | El huracán tocó tierra de madrugada | subject:storms subject:disasters | -subject:floods
es | Presentan un bono para comprar leche | | -subject:debt
pt | A inflação recuou e o Copom manteve a taxa de juros | subject:inflation subject:interest-rates | -subject:trade
pt | Enchentes deixam mil desabrigados | subject:floods subject:disasters | -subject:drought
pt | Greve de fome entra no décimo dia | | -subject:labour-strikes -subject:food-security
pt | Vacinas contra a dengue chegam aos postos | subject:vaccines subject:public-health | -subject:drugs
pt | A OTAN anuncia manobras militares | org:nato subject:military-exercises | -org:un
tr | Merkez bankası politika faizini sabit tuttu, faiz kararı açıklandı | subject:interest-rates | -subject:inflation
tr | Depremde yıkılan evler yeniden yapılıyor | subject:earthquakes subject:disasters | -subject:floods
tr | Avrupa Birliği yaptırımları uzattı | org:eu subject:sanctions | -subject:tariffs
tr | Seçmenler sandık başına gitti | subject:elections | -subject:protests
tr | Füzeler ve silahlı İHA saldırısı | subject:missiles subject:drones | -subject:space
ru | Еврокомиссия предложила новые санкции | org:european-commission org:eu subject:sanctions | -subject:tariffs
ru | Перед покупателем стоит трудный выбор | | -subject:elections
ru | На выборах победил действующий мэр | subject:elections | -subject:protests
ru | Центробанк повысил ключевую ставку | subject:interest-rates | -subject:inflation
ru | По газопроводу пошёл природный газ | subject:natural-gas subject:energy | -subject:oil
ru | Он читает газету у окна | | -subject:natural-gas
ru | Беспилотники атаковали склад, работала ПВО | subject:drones subject:missiles | -subject:aviation
ru | Госпошлина за паспорт выросла | | -subject:tariffs -subject:trade
ru | Землетрясение разрушило мост | subject:earthquakes subject:disasters | -subject:floods
ru | Инвестиционный климат улучшился | | -subject:climate
ru | Беженцам выдали тёплую одежду | subject:refugees subject:migration | -subject:climate
ru | НАТО и ОБСЕ обсудили перемирие | org:nato org:osce subject:peace-talks | -org:eu
uk | Євросоюз продовжив санкції на пів року | org:eu subject:sanctions | -org:nato
uk | Ракетний удар по електростанції: знеструмлено місто | subject:missiles subject:energy | -subject:oil
uk | Вибори відбудуться в неділю | subject:elections | -subject:coups
uk | Через посуху зменшився врожай пшениці | subject:drought subject:agriculture | -subject:floods
zh | 欧盟对钢铁加征关税 | org:eu subject:tariffs subject:trade | -subject:sanctions
zh | 個人權利不容忽視 | | -subject:human-rights
zh | 联合国呼吁保护人权 | org:un subject:human-rights | -subject:war-crimes
zh | 央行宣布降息，通胀回落 | subject:interest-rates subject:inflation | -subject:debt
zh | 公司的毛利率上升 | | -subject:interest-rates
zh | 困难民众领到了棉被 | | -subject:refugees
zh | 颱風登陸，三萬戶停電 | subject:storms subject:disasters subject:energy | -subject:earthquakes
zh | 他的讲台风格幽默 | | -subject:storms
zh | 行政变更登记须知 | | -subject:coups
zh | 绑匪释放了人质 | subject:hostages | -subject:terrorism
zh | 有人质疑这一结果 | | -subject:hostages
zh | 海外相关机构提高资金利用效率 | | -subject:diplomacy -subject:interest-rates
zh | 第五輪投標成為替代方案 | | -subject:sport -subject:currencies
zh | 裁判在场边看了回放 | | -subject:courts
zh | 他抓到一条约三米长的蛇 | | -subject:treaties
zh | 半導體出口管制再度收緊 | subject:semiconductors subject:export-controls | -subject:sanctions
ja | 日銀が利上げを見送り、円安が進む | org:bank-of-japan subject:interest-rates subject:currencies | -subject:debt
ja | 台風で新幹線が運休 | subject:storms subject:rail | -subject:earthquakes
ja | スパイスの効いたカレー | | -subject:espionage
ja | 半導体の輸出規制を強化 | subject:semiconductors subject:export-controls | -subject:sanctions
ja | 住民は体育館で一夜を過ごした | | -subject:sport
ja | 裁判所は訴えを退けた | subject:courts | -subject:crime
ja | 反政府デモに数千人 | subject:protests | -subject:elections
ko | 지진으로 열차 운행이 중단됐다 | subject:earthquakes subject:rail | -subject:floods
ko | 유엔이 휴전을 촉구했다 | org:un subject:peace-talks | -org:nato
ko | 유전자 검사 결과가 나왔다 | | -subject:oil
ko | 반도체 수출통제가 강화된다 | subject:semiconductors subject:export-controls | -subject:sanctions
ar | فرض الاتحاد الأوروبي عقوبات جديدة | org:eu subject:sanctions | -subject:tariffs
ar | رفع البنك المركزي سعر الفائدة مع ارتفاع التضخم | subject:interest-rates subject:inflation | -subject:debt
ar | توقف القتال بعد وقف إطلاق النار | subject:peace-talks | -subject:elections
ar | وبالصواريخ والطائرات المسيرة قصفت الميناء | subject:missiles subject:drones | -subject:space
ar | تحدث صلاح الدين في معرض رده عن الخطة | | -subject:religion -subject:culture
ar | حطت المركبة الفضائية على القمر | subject:space | -subject:aviation
ar | أدت الفيضانات إلى نزوح آلاف اللاجئين | subject:floods subject:refugees | -subject:drought
fa | تحریم‌های تازه علیه صادرات نفت | subject:sanctions subject:oil subject:energy | -subject:inflation
fa | آتش‌بس از نیمه‌شب آغاز شد | subject:peace-talks | -subject:wildfires
fa | زمین‌لرزه روستاها را لرزاند | subject:earthquakes subject:disasters | -subject:floods
fa | عملیات طوفان الاقصی | | -subject:storms
hi | चुनाव आयोग ने मतदान की तारीख घोषित की | subject:elections | -subject:coups
hi | भूकंप के झटके महसूस किए गए | subject:earthquakes subject:disasters | -subject:floods
hi | रिज़र्व बैंक ने रेपो दर घटाई, महंगाई कम हुई | subject:interest-rates subject:inflation | -subject:debt
hi | कैदी भूख हड़ताल पर बैठे | | -subject:labour-strikes
hi | संयुक्त राष्ट्र ने युद्धविराम की अपील की | org:un subject:peace-talks | -org:nato
"""


def rows() -> Iterator[tuple[str, str, set[str], set[str]]]:
    for line in SENTENCES.strip().splitlines():
        language, sentence, named, others = (part.strip() for part in line.split("|"))
        yield language, sentence, set(named.split()), {name.removeprefix("-") for name in others.split()}


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
