"""Words that say nothing when they are a link: "click here", "mehr", "続きを読む".

Only a whole link text counts, and only in a language in which the issue is written: a link that says "her" is a person in
English and "here" in Danish.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

#: By language, as they are written inside a sentence; a full stop, an arrow or capitals make no difference.
GENERIC: Mapping[str, str] = {
    "en": "here|click|click here|clicking here|tap here|go here|see here|read here|this|this link|link"
    "|the link|more|read more|see more|learn more|find out more|more info|more information|details"
    "|more details|continue|continue reading|read on|this page|this article|this post|view|visit|website"
    "|source",
    "de": "hier|hier klicken|klick|klick hier|klicken sie hier|klicke hier|dieser link|link|mehr"
    "|mehr lesen|weiterlesen|weiter|mehr erfahren|mehr infos|mehr informationen|details|diese seite"
    "|dieser artikel|dieser beitrag|quelle|website",
    "fr": "ici|cliquez ici|clique ici|cliquer ici|par ici|ce lien|lien|le lien|plus|lire|lire plus"
    "|lire la suite|en savoir plus|voir plus|plus d’infos|plus d'infos|plus d’informations|détails"
    "|cette page|cet article|suite|la suite|source",
    "es": "aquí|aqui|acá|haz clic aquí|haga clic aquí|pulsa aquí|pincha aquí|clic aquí|este enlace"
    "|enlace|más|leer más|ver más|saber más|seguir leyendo|más información|más info|detalles|esta página"
    "|este artículo|fuente",
    "it": "qui|qua|clicca qui|fai clic qui|cliccare qui|questo link|link|più|leggi|leggi di più"
    "|leggi tutto|continua|continua a leggere|scopri di più|per saperne di più|maggiori informazioni"
    "|dettagli|questa pagina|fonte",
    "pt": "aqui|clique aqui|clica aqui|carregue aqui|este link|link|mais|ler mais|leia mais|saber mais"
    "|saiba mais|ver mais|continuar a ler|continue lendo|mais informações|detalhes|esta página"
    "|este artigo|fonte",
    "nl": "hier|klik hier|deze link|link|meer|lees meer|meer lezen|lees verder|verder lezen|meer info"
    "|meer informatie|details|deze pagina|dit artikel|bron",
    "sv": "här|klicka här|denna länk|den här länken|länk|länken|mer|läs mer|läs vidare|mer info"
    "|mer information|detaljer|denna sida|källa",
    "da": "her|klik her|dette link|link|linket|mere|læs mere|læs videre|mere info|mere information"
    "|detaljer|denne side|kilde",
    "nb": "her|klikk her|trykk her|denne lenken|lenke|lenken|mer|les mer|les videre|mer info"
    "|mer informasjon|detaljer|denne siden|kilde",
    "fi": "tästä|täältä|täällä|tässä|klikkaa tästä|klikkaa|paina tästä|linkki|tämä linkki|lisää"
    "|lue lisää|lisätietoja|lisätiedot|tämä sivu|lähde",
    "pl": "tutaj|tu|kliknij|kliknij tutaj|kliknij tu|ten link|link|więcej|czytaj|czytaj więcej"
    "|czytaj dalej|dowiedz się więcej|zobacz więcej|więcej informacji|szczegóły|ta strona|źródło",
    "cs": "zde|tady|klikněte|klikněte zde|klikni zde|tento odkaz|odkaz|více|číst více|číst dál"
    "|čtěte dále|více informací|zjistit více|podrobnosti|tato stránka|zdroj",
    "sk": "tu|kliknite|kliknite sem|kliknite tu|klikni sem|sem|tento odkaz|odkaz|viac|čítať viac"
    "|čítať ďalej|viac informácií|zistiť viac|podrobnosti|táto stránka|zdroj",
    "ru": "здесь|тут|сюда|нажмите|нажмите здесь|нажмите сюда|кликните здесь|ссылка|эта ссылка|по ссылке"
    "|по этой ссылке|ещё|еще|больше|далее|подробнее|узнать больше|читать|читать далее|читать дальше"
    "|читать ещё|подробности|источник",
    "uk": "тут|сюди|натисніть|натисніть тут|клацніть тут|посилання|це посилання|за посиланням|ще|більше"
    "|далі|докладніше|детальніше|дізнатися більше|читати|читати далі|читати більше|подробиці|джерело",
    "tr": "burada|buradan|buraya|tıkla|tıklayın|buraya tıklayın|buraya tıkla|tıklayınız|bu bağlantı"
    "|bağlantı|link|daha fazla|devamı|devamını oku|daha fazla bilgi|daha fazla oku|detaylar|ayrıntılar"
    "|bu sayfa|kaynak",
    "ar": "هنا|من هنا|اضغط هنا|انقر هنا|هذا الرابط|الرابط|رابط|المزيد|اقرأ المزيد|للمزيد|قراءة المزيد"
    "|تابع القراءة|التفاصيل|المصدر",
    "he": "כאן|פה|לחצו כאן|לחץ כאן|קישור|הקישור|קישור זה|עוד|קרא עוד|קראו עוד|להמשך|להמשך קריאה"
    "|להמשך הקריאה|למידע נוסף|פרטים|מקור",
    "ja": "こちら|ここ|こちらから|こちらへ|ここから|ここをクリック|こちらをクリック|クリック|リンク"
    "|このリンク|詳細|詳しく|詳しくはこちら|詳細はこちら|もっと見る|もっと読む|続きを読む|続き"
    "|続きはこちら|このページ|この記事",
    "zh": "这里|這裡|此处|此處|点击|點擊|点击这里|點擊這裡|点击此处|點擊此處|点这里|链接|連結|更多"
    "|阅读更多|閱讀更多|查看更多|了解更多|瞭解更多|继续阅读|繼續閱讀|阅读全文|閱讀全文|查看详情|详情"
    "|詳情|来源|來源",
}
_SAME = {"no": "nb", "nn": "nb"}
_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


def is_generic(text: str, languages: Iterable[str]) -> bool:
    """Whether a link text says nothing by itself, in one of `languages` (two letters each)."""
    bare = _bare(text)
    return bool(bare) and any(bare in _words(_SAME.get(language, language)) for language in languages)


def _bare(text: str) -> str:
    return " ".join(_AROUND.sub("", text.casefold()).split())


@lru_cache(maxsize=64)
def _words(language: str) -> frozenset[str]:
    return frozenset(map(_bare, GENERIC.get(language, "").split("|"))) - {""}
