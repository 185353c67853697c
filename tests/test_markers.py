"""Patterns of lines that sites put around articles."""

import re
from importlib import resources

import pytest

from aggregator.markers import AMID, BEFORE, BEHIND, KINDS, LONGEST, MENU, Markers, built_in, lists_built_in


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        ("source link", ["Source link", "  — SOURCE LINK: ", "source-link"]),
        ("read more …", ["Read more", "READ MORE: ships leave harbour", "Read more »"]),
        ("… newsletter", ["Newsletter", "The Harbour Newsletter"]),
        ("… your inbox …", ["Your inbox", "News in your inbox every day", "Check your inbox"]),
        (
            "the post … appeared first on …",
            ["The post A Quiet Sea appeared first on Harbour.", "The post appeared first on"],
        ),
        ("follow ... on", ["Follow the fleet on", "follow on"]),
        ("3 shares", ["12 shares", "1,204 shares", "1.2K shares"]),
        ("updated 3 pm", ["Updated 10:15 pm"]),
        ("leave (a) reply", ["Leave reply", "Leave a reply"]),
        ("comments (are closed/off)", ["Comments", "Comments are closed.", "comments off"]),
        ("related articles/posts/stories …", ["Related posts", "Related Stories for you"]),
        ("tags: …", ["Tags:", "Tags: herring, ice", "TAGS : herring"]),
        ("© …", ["© 2026 Harbour Post", "Copyright Harbour Post"]),
        ("editor’s picks", ["Editor's Picks", "EDITOR’S PICKS"]),
        ("mots-clés", ["Mots clés", "mots-cles"]),
        ("责任编辑：…", ["责任编辑：苏墨", "责任编辑: 苏墨"]),
        ("相关阅读", ["相关阅读", "【相关阅读】"]),
        ("关于我们 …", ["关于我们", "关于我们联系方式"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pattern_matches(pattern: str, lines: list[str]) -> None:
    markers = Markers.of({"behind": [pattern]})
    assert [line for line in lines if not markers.kinds(line)] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("source link", "Source link of the chain"),
        ("source link", "The source link"),
        ("read more …", "Readers read more"),
        ("… newsletter", "Newsletters"),
        ("… your inbox …", "In yours, inbox"),
        ("the post … appeared first on …", "Appeared first on the post"),
        ("… one two … two three …", "one two three one"),
        ("a b … b c", "a b c"),
        ("3 shares", "shares"),
        ("3 shares", "many shares"),
        ("tags: …", "Tags are for coats"),
        ("tags: …", "The tags: blue"),
        ("leave (a) reply", "Leave the reply"),
        ("read …", "read " + "x" * LONGEST),
    ],
    ids=lambda value: value[:40],
)
def test_a_pattern_does_not_match(pattern: str, line: str) -> None:
    assert Markers.of({"behind": [pattern]}).kinds(line) == 0


def test_a_line_can_be_of_several_kinds() -> None:
    markers = Markers.of({"behind": ["share", "more …"], "menu": ["more"]}, {"before": ["Share"], "amid": ["… more"]})
    assert markers.kinds("share") == BEHIND | BEFORE
    assert markers.kinds("More") == BEHIND | MENU | AMID
    assert markers.kinds("") == markers.kinds("***") == markers.kinds("\u0301") == 0
    assert Markers.of().kinds("share") == 0


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "no word"),
        ("…", "no word"),
        ("(a/b) …", "no word"),
        ("!!!", "no word"),
        ("read (more", "bracket"),
        ("read more)", "bracket"),
        ("read ((all) more)", "bracket"),
        ("read ()", "missing"),
        ("read/", "missing"),
        ("read / see", "missing"),
        ("(read/) more", "missing"),
        ("tags: of the day", "colon"),
        ("more … tags: …", "colon"),
        ("# shares", "write a number"),
        (" ".join(["a/b/c/d/e/f/g/h/i/j"] * 4), "more than"),
    ],
)
def test_a_bad_pattern_is_named(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"“{re.escape(pattern)}”.*{why}"):
        Markers.of({"behind": [pattern]})


def test_what_is_no_pattern_at_all_is_named() -> None:
    with pytest.raises(ValueError, match="None in “before”"):
        Markers.of({"before": [None]})  # type: ignore[list-item]
    with pytest.raises(ValueError, match="“above” is no kind of marker; there are behind, before, amid, menu"):
        Markers.of({"above": ["share"]})


def test_a_list_may_be_empty_or_one_pattern() -> None:
    assert Markers.of({"behind": "share"}).kinds("share") == BEHIND
    assert Markers.of({"behind": None, "menu": []}).kinds("share") == 0  # type: ignore[dict-item]


@pytest.mark.parametrize("line", ["a b " * 75, "a" * LONGEST, "1 " * 150, "…" * 300, ":" * 300, "a: " * 100])
def test_no_line_takes_long(line: str) -> None:
    markers = Markers.of({"behind": ["… a … a … a … a … a … a … b … c …", "a … a … a … a … d", "1 … 1 …"]})
    for _ in range(1000):  # hours, if each gap were tried at each length
        markers.kinds(line)


def test_built_in_lists_have_the_shape_that_is_documented() -> None:
    files = sorted(file.name for file in (resources.files("aggregator") / "data" / "furniture").iterdir())
    assert files == [f"{language}.yaml" for language in "ar de en es fr it ja pt ru zh".split()]
    assert [set(lists) for lists in lists_built_in()] == [set(KINDS)] * len(files)
    assert built_in() is built_in()


def test_no_pattern_of_the_built_in_lists_is_cut_short_by_a_comment() -> None:
    for file in (resources.files("aggregator") / "data" / "furniture").iterdir():
        text = file.read_text(encoding="utf-8")
        assert re.findall(r"^ *[^#\s].*\s#", text, re.MULTILINE) == []


@pytest.mark.parametrize(
    "line",
    [
        "Related Articles",
        "  — Share this: ",
        "© 2026 Harbour Post.",
        "SUBSCRIBE",
        "3 comments",
        "Tags: gas, oil",
        "The post Gas flows again appeared first on Harbour Post.",
        "Reporting by Ana Silva; Editing by Joan Reed",
        "Das könnte Sie auch interessieren",
        "Cet article est apparu en premier sur Le Quai.",
        "Te puede interesar: los fareros",
        "Подпишитесь на наш канал в Telegram",
        "未经授权，不得转载",
        "جميع الحقوق محفوظة © 2026",
        "Our Standards: The Thomson Reuters Trust Principles.",
        "Suggested Topics:",
        "Purchase Licensing Rights, opens new tab",
        "The Harbour Trust Principles, opens new tab",
        "続きを読む",
        "© 2026 港日報 無断転載を禁じます",
        "【広告】",
        "Você também pode gostar",
        "Potrebbe interessarti anche",
        # below a mail
        "You receive this email because you are a member of the harbour club.",
        "You are receiving this newsletter because you signed up.",
        "Unsubscribe",
        "Manage your preferences",
        "Update your preferences",
        "View this email in your browser",
        "Forward to a friend",
        "Sie erhalten diese E-Mail, weil Sie sich angemeldet haben.",
        "Vom Newsletter abmelden",
        "Im Browser ansehen",
        "Vous recevez cet e-mail car vous êtes inscrit.",
        "Se désabonner",
        "Gérer vos préférences",
        "Recibes este correo electrónico porque te suscribiste.",
        "Darse de baja",
        "Ver en el navegador",
        "Вы получили это письмо, потому что подписались.",
        "Отписаться от рассылки",
        "Открыть в браузере",
        "您收到此邮件是因为您订阅了我们的新闻",
        "取消訂閱",
        "在浏览器中查看",
        "تلقيت هذه الرسالة لأنك مشترك",
        "إلغاء الاشتراك",
        "عرض الرسالة في المتصفح",
        "配信停止はこちら",
        "Cancelar inscrição",
        "Annulla l’iscrizione",
    ],
)
def test_markers_behind_articles(line: str) -> None:
    assert built_in().kinds(line) & BEHIND


@pytest.mark.parametrize(
    "line",
    [
        "Facebook said on Monday that it would appeal.",
        "Tweets were deleted.",
        "Comments on the rule are open until 18 December.",
        "The next call is planned for 14 January 2027.",
        "Subscribers left in droves.",
        "More than 100 people read the news.",
        "Published research says otherwise.",
        "About 40 boats came back.",
        "Folgen des Streits sind noch nicht absehbar.",
        "Teilen der Stadt fehlt seit Montag der Strom.",
        "Plus de 100 bateaux sont rentrés lundi.",
        "Más de 100 barcos volvieron el lunes.",
        "Нашли и второй корабль.",
        "شارك في الاجتماع وزراء من سبع دول.",
        "برعاية الملك انطلقت أعمال المؤتمر.",
        "记者：你们为什么还要等？",
        "記者：為什麼還要等？",
        "You are receiving a guest today.",
        "Sie erhalten diese, weil sie gewartet haben.",
        "On Monday he wrote that it was over.",
        "Registrati trenta casi in una settimana.",
        "広告の売り上げは去年の半分だった。",
    ],
)
def test_sentences_that_begin_like_markers(line: str) -> None:
    assert built_in().kinds(line) == 0
