"""Is a change of an article news to a reader? Pure, in linear time.

Counters, relative times, clock times, stamps of the last update and tracking parameters change by themselves. Whatever
is not surely of that kind counts: "5 dead" and "12 dead" are different news, and so are "bought 500 shares" and "bought
600 shares". So a counter must fill its place alone: a line, a sentence, or what stands between brackets or dots.
English, German, French, Spanish, Russian.
"""

import re

from aggregator import urls
from aggregator.words import digest, folded, normal

MAX_SEARCHED = 100_000  # characters of sentences that seem to hold times; what stands behind is taken as it is
MAX_COUNTERS = 300  # characters of a run of counters

_NUMBER = r"(?:\d{1,3}(?: \d{3}){1,3}|\d[\d.,'’]{0,15})(?:\s?(?:k|m|tsd|mio|mil|тыс|млн)\b\.?)?"
_COUNTED = (
    r"comments?|kommentare?|commentaires?|comentarios?|комментари(?:й|я|ев)"
    r"|views?|reads?|aufrufe?|vues?|lectures?|visitas?|vistas?|lecturas?|просмотр(?:а|ов)?"
    r"|likes?|upvotes?|points?|claps?|gefällt mir|j'aime|me gusta|лайк(?:а|ов)?|баллов"
    r"|shares?|retweets?|reposts?|boosts?|mal geteilt|partages?|compartidos?|репост(?:а|ов)?"
    r"|repl(?:y|ies)|reactions?|responses?|antworten?|réponses?|respuestas?|реакци(?:я|и|й)|ответ(?:а|ов)?"
    r"|(?:min(?:ute)?s?|minuten) (?:read|lesezeit)|min(?:utes?)? de lecture|min(?:utos)? de lectura"
    r"|мин(?:ут|уты)? чтения"
)
_COUNTER = re.compile(
    rf"[\W_]{{0,20}}+(?:(?:(?:{_NUMBER}|no|keine|aucun|sin|нет)\s?(?:{_COUNTED})\b|(?:{_COUNTED})\b\s?[:：=]?\s?{_NUMBER})"
    r"(?:\s?[,;/&+]?\s?(?:and|und|et|y|и)?\s?)){1,10}+[\W_]{0,20}"
)
_EDGE = re.compile(  # "24. November" is no end of a sentence
    r"[\n|·•‧()\[\]{}<>。.!?…–—-](?:(?<=[\n|·•‧()\[\]{}<>。])|(?<=[.!?…])(?<!\d.)\s|(?<=\s[–—-])\s)"
)

_MONTH = (
    r"jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|f[eé]vr(?:ier)?|mar(?:ch|s|zo)?|märz|apr(?:il)?|avr(?:il)?|abr(?:il)?|may|mai"
    r"|mayo|june?|juni|juin|junio|jul[yi]?|juil(?:let)?|julio|aug(?:ust)?|ao[uû]t|agosto|sep(?:t(?:ember|embre|iembre)?)?"
    r"|o[ck]t(?:ober|obre|ubre)?|nov(?:ember|embre|iembre)?|de[cz](?:ember)?|d[eé]c(?:embre)?|dic(?:iembre)?|ene(?:ro)?"
    r"|febrero|январ[ья]|феврал[ья]|марта?|апрел[ья]|ма[йя]|июн[ья]|июл[ья]|августа?|сентябр[ья]|октябр[ья]|ноябр[ья]"
    r"|декабр[ья]"
)
_DAY = (
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
    r"|today|yesterday|heute|gestern|aujourd'hui|hier|hoy|ayer|сегодня|вчера"
)
_ZONE = r"utc|gmt|[cemp][est]t|bst|cest|msk|мск|uhr|[ap]\.?m\b\.?|o'clock|hrs?|час(?:а|ов)?"
_CLOCK = (
    rf"(?<![\d:.,])(?:(?:[01]?\d|2[0-3])(?::[0-5]\d(?::[0-5]\d)?|h[0-5]\d)(?![\d:])(?:\s?(?:{_ZONE})\b)*"
    rf"|(?:[01]?\d|2[0-3])(?:\.[0-5]\d)?\s?(?:uhr\b|[ap]\.?m\b\.?)(?:\s?(?:{_ZONE})\b)?)"
)
_AGO_UNIT = (
    r"(?:sec(?:ond)?|min(?:ute)?|hour|hr|day)s?|[smhd]|sekunden?|minuten?|stunden?|tag(?:e|en)?|secondes?|minutes?|heures?"
    r"|jours?|segundos?|minutos?|horas?|días?|секунд[уы]?|минут[уы]?|час(?:а|ов)?|дн(?:я|ей)|день"
)
_COUNT = r"(?:\d{1,4}|an?|one|einer|un[ae]?|few)"
_AGO = (
    rf"\b(?:{_COUNT}\s?(?:{_AGO_UNIT}) (?:ago|назад)|(?:vor|il y a|hace) {_COUNT}\s?(?:{_AGO_UNIT})"
    rf"|(?:{_AGO_UNIT}) назад|just now|gerade eben|à l'instant|только что)\b"
)
_STAMP_WORD = (
    r"(?:last |zuletzt |dernière |última )?(?:updated?|modified|edited|aktualisiert|geändert|mis(?:e)? à jour|modifiée?"
    r"|actualizad[oa]|actualización|modificad[oa]|обновлен[оа]?|обновлено|изменено)"
    r"|(?:first )?(?:published|posted)|veröffentlicht|stand|publiée?|publicado|опубликовано"
)
_STAMP = (
    rf"\b(?:{_STAMP_WORD})\b[\s:]{{0,3}}(?:(?:on|at|am|um|le|à|el|a las|de|в|от|г)\b[\s:]{{0,2}}){{0,2}}"
    rf"(?:(?:\d{{4}}-\d\d-\d\dt?|\d{{1,4}}(?:st|nd|rd|th|er|h\d\d)?|(?:{_MONTH})\b|(?:{_DAY})\b|(?:{_ZONE})\b|z\b"
    r"|(?:at|um|à|a las|de|el|le|в|г|uhr)\b)[\s.,:/–+-]{0,3}){1,14}+"
)
_TIME = re.compile(f"{_AGO}|{_STAMP}|{_CLOCK}")
_STAMPED_AGO = re.compile(rf"\b(?:{_STAMP_WORD})\b\s?:?\s?(?={_AGO})")
_CLOCK_HINT = re.compile(r"\d(?:[:h.]\d\d|\s?(?:uhr|[ap]\.?m\b))")
_HINTS = (  # without any of them, and without the look of a clock, there is no time to look for
    " ago; назад;vor ;il y a ;hace ;just now;gerade eben;l'instant;только что;update;modifi;edited;aktualisi;geändert"
    ";mis à;mise à;actualiz;обновлен;изменено;published;posted;veröffentlicht;stand;publié;publicado;опубликовано"
).split(";")
_LINK = re.compile(r"https?://[^\s<>\"]{1,2000}")


def news_hash(title: str, text: str, folded_text: str | None = None) -> str:
    """Equal for two versions of an article that tell a reader the same. `folded_text`: `words.folded` of the text."""
    kept, left_out = _sifted(text)
    told = folded("\n".join(kept)) if left_out or folded_text is None else folded_text
    return digest([folded(significant(title)), told])


def significant(text: str) -> str:
    """The text, in lower case, without what changes by itself."""
    return "\n".join(_sifted(text)[0])


def _sifted(text: str) -> tuple[list[str], bool]:
    """What is significant, piece by piece, and whether anything else was there."""
    lower = whole = normal(text).casefold()
    if "://" in lower:
        lower = _LINK.sub(lambda link: urls.bare(link[0]) or link[0], lower)
    hints = [hint for hint in _HINTS if hint in lower]
    timed = bool(hints) or _CLOCK_HINT.search(lower) is not None
    kept, pieces = [], _EDGE.split(lower)
    budget = MAX_SEARCHED
    for piece in pieces:
        told = piece
        if timed and budget > 0 and (any(hint in piece for hint in hints) or _CLOCK_HINT.search(piece)):
            budget -= len(piece)
            told = _TIME.sub(" ", _STAMPED_AGO.sub(" ", piece[:MAX_SEARCHED])) + piece[MAX_SEARCHED:]
        if len(told) > MAX_COUNTERS or not _COUNTER.fullmatch(told):
            kept.append(told)
    return kept, lower != whole or kept != pieces
